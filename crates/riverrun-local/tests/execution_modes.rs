//! Streaming and batch mode.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

use std::sync::Arc;

use riverrun_local::LocalHost;
use riverrun_stream::functions::MapFunction;
use riverrun_stream::source::{Boundedness, NumberSequence, SequenceSplit, Source};
use riverrun_stream::{DataStream, Result, RuntimeContext, RuntimeExecutionMode, StreamExecutionEnvironment};

#[test]
fn batch_mode_with_a_source_that_has_no_end_is_a_mistake() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_runtime_mode(RuntimeExecutionMode::Batch);
    env.from_source(Ticks).print();

    let error = env.execute().unwrap_err();

    assert!(error.to_string().starts_with("the source `Source: Ticks` has no end"), "{error}");
}

/// A source that says it has no end.
struct Ticks;

impl Source for Ticks {
    type Out = u64;
    type Split = SequenceSplit;
    type Enumerator = <NumberSequence as Source>::Enumerator;
    type Reader = <NumberSequence as Source>::Reader;

    fn name(&self) -> String {
        "Ticks".into()
    }

    fn boundedness(&self) -> Boundedness {
        Boundedness::ContinuousUnbounded
    }

    fn create_enumerator(&self) -> Result<Self::Enumerator> {
        NumberSequence::new(1, 2).create_enumerator()
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<Self::Enumerator> {
        NumberSequence::new(1, 2).restore_enumerator(state)
    }

    fn create_reader(&self, context: &RuntimeContext) -> Result<Self::Reader> {
        NumberSequence::new(1, 2).create_reader(context)
    }
}

/// Says how its job is executed.
#[derive(Clone)]
struct Mode(bool);

impl MapFunction<u64> for Mode {
    type Out = bool;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0 = context.is_batch();
        Ok(())
    }

    fn map(&mut self, _: u64) -> Result<bool> {
        Ok(self.0)
    }
}

#[test]
fn automatic_is_batch_where_every_source_has_an_end() {
    let modes = |mode: Option<RuntimeExecutionMode>, with_ticks: bool| {
        let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
        env.set_parallelism(1);
        mode.iter().for_each(|mode| {
            env.set_runtime_mode(*mode);
        });
        let mut numbers = env.from_collection([1_u64]).union(Vec::<DataStream<u64>>::new());
        if with_ticks {
            numbers = numbers.union([env.from_source(Ticks)]);
        }
        numbers.map_function(Mode(false)).execute_and_collect().unwrap()
    };

    assert_eq!(modes(None, false), [false]);
    assert_eq!(modes(Some(RuntimeExecutionMode::Batch), false), [true]);
    assert_eq!(modes(Some(RuntimeExecutionMode::Automatic), false), [true]);
    assert_eq!(modes(Some(RuntimeExecutionMode::Automatic), true), [false; 3]);
}
