//! Calls an inference service for each window, with a runner that is bound to it.
//!
//! The service comes first: `riverrun serve text-classification`. Its address is `http://127.0.0.1:3000` unless the first argument
//! says otherwise.

mod service;

use riverrun::prelude::*;
use service::{TWEETS, Tweet};

#[derive(Clone)]
struct ClassifyWindow {
    runner: Runner<TextClassification>,
}

impl ProcessWindowFunction<Tweet, bool, GlobalWindow> for ClassifyWindow {
    type Out = (bool, Vec<String>);
    type WindowState = ();

    fn process(
        &mut self, short: &bool, _: &mut ProcessWindowContext<'_, '_, GlobalWindow, ()>, tweets: &[Tweet],
        out: &mut Collector<'_, Self::Out>,
    ) -> Result {
        // One call for the whole window: its texts travel together and are computed in the service's batches.
        let answers = self.runner.run_batch(tweets.iter().map(|(_, text)| text.as_str()).collect())?;
        let labels = answers.into_iter().map(|labels| Ok(labels?[0].label.to_string())).collect::<Result<_>>()?;
        out.collect((*short, labels));
        Ok(())
    }
}

fn remote_windows(env: &StreamExecutionEnvironment) -> Result {
    let runner = TextClassification::runner("text-classification");
    runner.init_client(service::url().as_str())?;
    env.set_parallelism(1);

    env.from_collection(TWEETS.map(|(id, text)| (id, text.to_string())))
        .key_by(|(_, text)| text.len() < 30)
        .count_window(1)
        .process(ClassifyWindow { runner })
        .print();

    env.execute()?;
    Ok(())
}

riverrun::main!(remote_windows);
