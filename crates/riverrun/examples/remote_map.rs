//! Calls an inference service for each tweet, one after the other, with a blocking HTTP client in a map function.
//!
//! The service comes first: `riverrun serve text-classification`. Its address is `http://127.0.0.1:3000` unless the first argument
//! says otherwise.

mod service;

use std::time::Duration;

use riverrun::prelude::*;
use service::{TWEETS, Tweet};
use ureq::Agent;

#[derive(Clone)]
struct ClassifyFunction {
    url: String,
    /// Keeps connections open between calls.
    client: Agent,
}

impl MapFunction<Tweet> for ClassifyFunction {
    type Out = (u32, String);

    fn map(&mut self, (id, text): Tweet) -> Result<Self::Out> {
        let mut response = self.client.post(&self.url).content_type("text/plain; charset=utf-8").send(&text)?;
        Ok((id, response.body_mut().read_to_string()?))
    }
}

fn remote_map(env: &StreamExecutionEnvironment) -> Result {
    let url = format!("{}/classify", service::url());
    let client = Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build().into();
    env.set_parallelism(1);

    env.from_collection(TWEETS.map(|(id, text)| (id, text.to_string())))
        .map_function(ClassifyFunction { url, client })
        .print();

    env.execute()?;
    Ok(())
}

riverrun::main!(remote_map);
