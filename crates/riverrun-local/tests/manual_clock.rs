//! Programs on a clock that the test sets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use riverrun_local::{LocalHost, ManualClock};
use riverrun_stream::functions::Collector;
use riverrun_stream::source::{FixedSplits, ReaderStatus, Source, SourceOutput, SourceReader};
use riverrun_stream::window::TumblingProcessingTimeWindows;
use riverrun_stream::{Result, RuntimeContext, StreamExecutionEnvironment, Timestamp};
use riverrun_testing::CollectingSink;

/// Emits the time once a minute, this often.
struct Minutes(u64);

struct MinutesReader {
    left: u64,
    next: Option<Timestamp>,
}

impl Source for Minutes {
    type Out = Timestamp;
    type Split = u64;
    type Enumerator = FixedSplits<u64>;
    type Reader = MinutesReader;

    fn name(&self) -> String {
        "Minutes".into()
    }

    fn is_parallel(&self) -> bool {
        false
    }

    fn create_enumerator(&self) -> Result<FixedSplits<u64>> {
        Ok(FixedSplits::new([self.0]))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<FixedSplits<u64>> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, _: &RuntimeContext) -> Result<MinutesReader> {
        Ok(MinutesReader { left: 0, next: None })
    }
}

impl SourceReader for MinutesReader {
    type Out = Timestamp;
    type Split = u64;

    fn add_split(&mut self, split: u64) -> Result {
        self.left = split;
        Ok(())
    }

    fn poll(&mut self, _: usize, out: &mut SourceOutput<'_, '_, Timestamp>) -> Result<ReaderStatus> {
        if self.left == 0 {
            return Ok(ReaderStatus::NeedsSplit);
        }
        let next = *self.next.get_or_insert(out.now() + 60_000);
        if out.now() < next {
            return Ok(ReaderStatus::WaitUntil(next));
        }
        self.left -= 1;
        self.next = Some(next + 60_000);
        out.collect(out.now());
        Ok(ReaderStatus::More)
    }

    fn snapshot(&mut self) -> Result<Vec<u64>> {
        Ok(vec![self.left])
    }
}

#[test]
fn nothing_happens_until_the_clock_is_advanced_and_then_all_of_it() {
    for _ in 0..50 {
        let clock = ManualClock::new();
        clock.set(1_000_000);
        let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new().with_clock(&clock)));
        env.set_parallelism(3);
        let seen = CollectingSink::new();
        env.from_source(Minutes(3)).rebalance().map(|time| time).rebalance().sink_to(seen.clone());
        let job = env.execute_async().unwrap();

        clock.settle();
        assert!(seen.take().is_empty());
        clock.advance(59_999);
        clock.settle();
        assert!(seen.take().is_empty());
        clock.advance(1);
        clock.settle();
        assert_eq!(seen.take(), [1_060_000]);
        clock.advance(600_000);
        job.wait().unwrap();

        assert_eq!(seen.take(), [1_660_000, 1_660_000]);
        assert_eq!(clock.now(), 1_660_000);
    }
}

#[test]
fn windows_of_processing_time_close_when_the_clock_says_so() {
    let clock = ManualClock::new();
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new().with_clock(&clock)));
    env.set_parallelism(2);
    let counts = CollectingSink::new();
    env.from_source(Minutes(6))
        .key_by(|_| 0_u8)
        .window(TumblingProcessingTimeWindows::of(Duration::from_secs(120)))
        .apply(|_, _, times, out: &mut Collector<'_, usize>| out.collect(times.len()))
        .sink_to(counts.clone());
    let job = env.execute_async().unwrap();

    let mut closed = Vec::new();
    for _ in 0..5 {
        clock.settle();
        clock.advance(60_000);
        clock.settle();
        closed.push(counts.take());
    }
    clock.advance(60_000);
    job.wait().unwrap();

    assert_eq!(closed, [vec![], vec![1], vec![], vec![2], vec![]]);
    assert_eq!(counts.take(), [2, 1], "the last window closes with the input");
}

#[test]
fn a_clock_never_goes_back() {
    let clock = ManualClock::new();

    clock.set(500);
    clock.set(20);
    clock.advance(-7);

    assert_eq!(clock.now(), 500);
}
