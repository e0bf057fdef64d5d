//! Classifies tweets by calling an inference service over HTTP, many requests at a time.
//!
//! The service is in here too, so that the example runs by itself; any other takes its place.

mod shipped;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use riverrun::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Clone)]
struct ClassifyFunction {
    service: String,
}

impl AsyncFunction<(u32, String)> for ClassifyFunction {
    type Out = (u32, String);

    fn async_invoke(
        &mut self, (id, text): (u32, String),
    ) -> impl Future<Output = Result<Vec<Self::Out>>> + Send + 'static {
        let service = self.service.clone();
        async move { Ok(vec![(id, post(&service, "/classify", &text).await?)]) }
    }
}

fn classify_remote(env: &StreamExecutionEnvironment) -> Result {
    let service = serve()?;
    env.set_parallelism(1);
    let tweets = env.from_collection(TWEETS.map(|(id, text)| (id, text.to_string())));

    let retry = AsyncRetryStrategy::exponential_backoff(3, Duration::from_millis(50), Duration::from_secs(1), 2.0)
        .if_error(FunctionError::is_retryable);
    AsyncDataStream::ordered_wait_function_with_retry(
        &tweets,
        ClassifyFunction { service },
        Duration::from_secs(10),
        retry,
    )
    .capacity(32)
    .print();

    env.execute()?;
    Ok(())
}

riverrun::main!(classify_remote);

const TWEETS: [(u32, &str); 3] = [
    (1, "I love this, best day ever!"),
    (2, "The train leaves at nine."),
    (3, "This is the worst service I have ever had."),
];

/// Sends a text and gives the body of the answer. A program of yours uses an HTTP client.
async fn post(service: &str, path: &str, text: &str) -> Result<String> {
    let mut connection = tokio::net::TcpStream::connect(service).await?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {service}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    connection.write_all(&[head.as_bytes(), text.as_bytes()].concat()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| FunctionError::external("half an answer came"))?;
    match head.split_whitespace().nth(1) {
        Some("200") => Ok(body.to_string()),
        status => Err(FunctionError::external(format!("the service said {}", status.unwrap_or("nothing")))),
    }
}

/// Starts a service with the model on a free port, and gives its address.
fn serve() -> Result<String> {
    let runner = shipped::runner()?;
    runner.ensure_local()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let runner = runner.clone();
            std::thread::spawn(move || answer(&runner, connection));
        }
    });
    Ok(address)
}

fn answer(runner: &Runner<TextClassification>, mut connection: TcpStream) -> Result {
    let mut reader = BufReader::new(connection.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse()?,
            _ => {}
        }
        line.clear();
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text)?;
    let label = runner.run(String::from_utf8(text)?)?[0].label.to_string();
    write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{label}", label.len())?;
    Ok(())
}
