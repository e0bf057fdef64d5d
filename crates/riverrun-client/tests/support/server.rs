//! An HTTP/1.1 server that does what it is told, also what no server should do.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    /// Which connection it came on.
    pub connection: usize,
}

/// What to do about it.
pub enum Answer {
    Reply {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        delay: Duration,
    },
    /// These bytes, and the connection is closed.
    Raw(Vec<u8>),
    /// Nothing, ever.
    Silence,
    /// The connection is closed.
    Close,
}

impl Answer {
    pub fn reply(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self::Reply { status, headers, body: body.into(), delay: Duration::ZERO }
    }

    pub fn json(value: &serde_json::Value) -> Self {
        Self::reply(200, "application/json", value.to_string())
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Reply { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    pub fn after(mut self, time: Duration) -> Self {
        if let Self::Reply { delay, .. } = &mut self {
            *delay = time;
        }
        self
    }
}

type Handler = dyn Fn(&Seen) -> Answer + Send + Sync;

/// Dropping it closes everything at once, as a killed process does.
pub struct Server {
    pub address: Option<SocketAddr>,
    seen: Arc<Mutex<Vec<Seen>>>,
    broken_off: Arc<Mutex<usize>>,
    open: Arc<AtomicUsize>,
    runtime: Option<Runtime>,
}

impl Server {
    pub fn start(handler: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), handler)
    }

    /// On a port that an earlier one had.
    pub fn start_at(address: SocketAddr, handler: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::tcp(address, None, handler)
    }

    pub fn tls(acceptor: TlsAcceptor, handler: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::tcp("127.0.0.1:0".parse().unwrap(), Some(acceptor), handler)
    }

    fn tcp(
        address: SocketAddr, tls: Option<TlsAcceptor>, handler: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let mut server = Self::empty();
        let runtime = server.runtime.as_ref().unwrap();
        let listener = runtime.block_on(async {
            loop {
                // The port of a server that was killed just now may take a moment.
                match TcpListener::bind(address).await {
                    Ok(listener) => return listener,
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        server.address = Some(listener.local_addr().unwrap());
        let connections = server.connections(handler);
        runtime.spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (connections, tls) = (connections.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                connections.serve(stream, number).await;
                            }
                        }
                        None => connections.serve(stream, number).await,
                    }
                });
            }
        });
        server
    }

    pub fn unix(path: &Path, handler: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let server = Self::empty();
        let connections = server.connections(handler);
        let runtime = server.runtime.as_ref().unwrap();
        let listener = {
            let _entered = runtime.enter();
            UnixListener::bind(path).unwrap()
        };
        runtime.spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let connections = connections.clone();
                tokio::spawn(async move { connections.serve(stream, number).await });
            }
        });
        server
    }

    fn empty() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self {
            address: None,
            seen: Arc::default(),
            broken_off: Arc::default(),
            open: Arc::default(),
            runtime: Some(runtime),
        }
    }

    fn connections(&self, handler: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Connections {
        Connections {
            handler: Arc::new(handler),
            seen: self.seen.clone(),
            broken_off: self.broken_off.clone(),
            open: self.open.clone(),
        }
    }

    pub fn url(&self, route: &str) -> String {
        format!("http://{}{route}", self.address.unwrap())
    }

    /// The requests that came for this path.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// How many connections there are.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// How many connections the other side closed while it waited for a reply.
    pub fn broken_off(&self) -> usize {
        *self.broken_off.lock().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

#[derive(Clone)]
struct Connections {
    handler: Arc<Handler>,
    seen: Arc<Mutex<Vec<Seen>>>,
    broken_off: Arc<Mutex<usize>>,
    open: Arc<AtomicUsize>,
}

impl Connections {
    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin, number: usize) {
        self.open.fetch_add(1, Ordering::SeqCst);
        self.answer(stream, number).await;
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    async fn answer(&self, stream: impl AsyncRead + AsyncWrite + Unpin, number: usize) {
        let mut stream = BufReader::new(stream);
        while let Ok(Some(request)) = read(&mut stream, number).await {
            self.seen.lock().unwrap().push(request.clone());
            let answer = (self.handler)(&request);
            let written = match answer {
                Answer::Reply { status, headers, body, delay } => {
                    if !delay.is_zero() && self.gone(&mut stream, delay).await {
                        return;
                    }
                    let mut head = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n", body.len());
                    for (name, value) in headers {
                        head.push_str(&format!("{name}: {value}\r\n"));
                    }
                    head.push_str("\r\n");
                    let mut bytes = head.into_bytes();
                    bytes.extend(body);
                    stream.write_all(&bytes).await
                }
                Answer::Raw(bytes) => {
                    let _ = stream.write_all(&bytes).await;
                    let _ = stream.shutdown().await;
                    return;
                }
                Answer::Silence => {
                    self.gone(&mut stream, Duration::from_secs(600)).await;
                    return;
                }
                Answer::Close => return,
            };
            if written.is_err() {
                return;
            }
        }
    }

    /// Waits, unless the other side goes away.
    async fn gone(&self, stream: &mut BufReader<impl AsyncRead + Unpin>, time: Duration) -> bool {
        let closed = tokio::time::timeout(time, stream.fill_buf()).await;
        let gone = closed.is_ok_and(|read| read.map_or(true, |bytes| bytes.is_empty()));
        if gone {
            *self.broken_off.lock().unwrap() += 1;
        }
        gone
    }
}

async fn read(stream: &mut BufReader<impl AsyncRead + Unpin>, connection: usize) -> io::Result<Option<Seen>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let mut first = lines[0].split(' ');
    let (method, path) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let headers: HashMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Seen { method, path, headers, body, connection }))
}
