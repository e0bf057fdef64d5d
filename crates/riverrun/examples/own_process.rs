//! Classifies tweets by a model in a process of its own, which this program starts and supervises: a model that crashes does not
//! take the stream down, and programs that ask for the same model share it.
//!
//! The process is the `riverrun` command, found on `PATH` or by `RIVERRUN_EXECUTABLE`.

mod service;
mod shipped;

use riverrun::prelude::*;
use service::TWEETS;

fn own_process(env: &StreamExecutionEnvironment) -> Result {
    let runner = shipped::runner()?;
    runner.init_process()?;
    env.set_parallelism(1);

    env.from_collection(TWEETS.map(|(id, text)| (id, text.to_string())))
        .infer(&runner, |(_, text)| text.as_str().into())
        .map(|((id, _), labels)| (id, labels[0].label.to_string()))
        .print();

    env.execute()?;
    Ok(())
}

riverrun::main!(own_process);
