//! Calls an inference service for many tweets at a time, with an async function: in order, as answers come, and retried.
//!
//! The service comes first: `riverrun serve text-classification`. Its address is `http://127.0.0.1:3000` unless the first argument
//! says otherwise.

mod service;

use std::time::Duration;

use riverrun::prelude::*;
use service::{TWEETS, Tweet};

#[derive(Clone)]
struct ClassifyFunction {
    runner: Runner<TextClassification>,
}

impl AsyncFunction<Tweet> for ClassifyFunction {
    type Out = (u32, String);

    fn async_invoke(&mut self, (id, text): Tweet) -> impl Future<Output = Result<Vec<Self::Out>>> + Send + 'static {
        let answer = self.runner.async_run(text);
        async move {
            match answer.await {
                Ok(labels) => Ok(vec![(id, labels[0].label.to_string())]),
                Err(error) if error.is_transient() => Err(FunctionError::external(error.to_string())),
                Err(error) => Err(error.into()),
            }
        }
    }
}

fn remote_async(env: &StreamExecutionEnvironment) -> Result {
    let runner = TextClassification::runner("text-classification");
    runner.init_client(service::url().as_str())?;
    let classify = ClassifyFunction { runner };
    let timeout = Duration::from_secs(10);
    env.set_parallelism(1);
    let tweets = env.from_collection(TWEETS.map(|(id, text)| (id, text.to_string())));

    AsyncDataStream::ordered_wait_function(&tweets, classify.clone(), timeout).print_with("ordered");
    AsyncDataStream::unordered_wait_function(&tweets, classify.clone(), timeout).print_with("unordered");
    // Beside the retries of the runner, which see to a service that is restarted.
    let retry = AsyncRetryStrategy::exponential_backoff(3, Duration::from_millis(50), Duration::from_secs(1), 2.0)
        .if_error(FunctionError::is_retryable);
    AsyncDataStream::ordered_wait_function_with_retry(&tweets, classify, timeout, retry)
        .capacity(32)
        .print_with("retried");

    env.execute()?;
    Ok(())
}

riverrun::main!(remote_async);
