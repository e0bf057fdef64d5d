//! Classifies tweets window by window: each window as one batch, and beside it one tweet at a time.

mod shipped;

use std::time::Duration;

use riverrun::prelude::*;
use riverrun::stream::functions::{ProcessWindowContext, ProcessWindowFunction, WindowFunction};
use riverrun::stream::window::{TimeWindow, TumblingEventTimeWindows};

type Tweet = (String, i64, String);

/// Batched: the model gets the whole window at once.
#[derive(Clone, Default)]
struct ClassifyWindow {
    runner: Option<Runner<TextClassification>>,
}

impl WindowFunction<Tweet, String, TimeWindow> for ClassifyWindow {
    type Out = (String, usize, String);

    fn open(&mut self, _: &RuntimeContext) -> Result {
        let runner = shipped::runner()?;
        runner.ensure_local()?;
        self.runner = Some(runner);
        Ok(())
    }

    fn apply(
        &mut self, author: &String, _: &TimeWindow, tweets: &[Tweet], out: &mut Collector<'_, Self::Out>,
    ) -> Result {
        let runner = self.runner.as_ref().ok_or_else(|| FunctionError::new("the function was not opened"))?;
        for (place, labels) in
            runner.run_batch(tweets.iter().map(|(_, _, text)| text.as_str()).collect())?.into_iter().enumerate()
        {
            out.collect((author.clone(), place, labels?[0].label.to_string()));
        }
        Ok(())
    }
}

/// Iterative: the function decides after each tweet whether to go on.
#[derive(Clone, Default)]
struct FirstNegative {
    runner: Option<Runner<TextClassification>>,
}

impl ProcessWindowFunction<Tweet, String, TimeWindow> for FirstNegative {
    type Out = (String, String);
    type WindowState = ();

    fn open(&mut self, _: &RuntimeContext) -> Result {
        let runner = shipped::runner()?;
        runner.ensure_local()?;
        self.runner = Some(runner);
        Ok(())
    }

    fn process(
        &mut self, author: &String, _: &mut ProcessWindowContext<'_, '_, TimeWindow, ()>, tweets: &[Tweet],
        out: &mut Collector<'_, Self::Out>,
    ) -> Result {
        let runner = self.runner.as_ref().ok_or_else(|| FunctionError::new("the function was not opened"))?;
        for (_, _, text) in tweets {
            if &*runner.run(text.as_str())?[0].label == "negative" {
                out.collect((author.clone(), text.clone()));
                break;
            }
        }
        Ok(())
    }
}

fn classify_windows(env: &StreamExecutionEnvironment) -> Result {
    env.set_parallelism(1);
    let event_time = WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|tweet: &Tweet, _| tweet.1);
    let windows = env
        .from_collection(TWEETS.map(|(author, second, text)| (author.to_string(), 1000 * second, text.to_string())))
        .assign_timestamps_and_watermarks(event_time)
        .key_by(|(author, _, _)| author.clone())
        .window(TumblingEventTimeWindows::of(Duration::from_secs(60)));

    windows.apply_function(ClassifyWindow::default()).print_with("label");
    windows.process(FirstNegative::default()).print_with("first negative");

    env.execute()?;
    Ok(())
}

riverrun::main!(classify_windows);

const TWEETS: [(&str, i64, &str); 6] = [
    ("ada", 1, "I love this, best day ever!"),
    ("bob", 9, "This is the worst service I have ever had."),
    ("ada", 20, "The train leaves at nine."),
    ("bob", 31, "Nothing works, I hate it."),
    ("ada", 65, "What a terrible, boring film."),
    ("ada", 70, "Thank you all, that was wonderful."),
];
