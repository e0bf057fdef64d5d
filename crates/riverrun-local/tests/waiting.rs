//! What waits: slow sinks, batches that are not full, work on other threads.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

mod all_hosts;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use riverrun_local::LocalHost;
use riverrun_stream::operator::{CompletionSender, Readiness};
use riverrun_stream::sink::{NoCommit, Sink, SinkWriter};
use riverrun_stream::source::{FixedSplits, ReaderStatus, Source, SourceOutput, SourceReader};
use riverrun_stream::{Result, RuntimeContext, StreamExecutionEnvironment, StreamRecord};
use riverrun_testing::{CheckingSink, SlowSink};

use all_hosts::{on_all_hosts, sorted};

#[test]
fn a_slow_sink_holds_back_its_source_and_loses_nothing() {
    on_all_hosts(|env| {
        env.set_parallelism(2);
        let sink = SlowSink::new(3);
        env.from_sequence(1, 50_000).rebalance().sink_to(sink.clone());

        env.execute().unwrap();

        assert_eq!(sorted(sink.take()), (1..=50_000).collect::<Vec<u64>>());
    });
}

/// Gives one record, and another only when the first has reached the sink.
struct Trickle(Arc<AtomicUsize>);

struct TrickleReader {
    arrived: Arc<AtomicUsize>,
    sent: usize,
    assigned: bool,
}

impl Source for Trickle {
    type Out = u64;
    type Split = u64;
    type Enumerator = FixedSplits<u64>;
    type Reader = TrickleReader;

    fn name(&self) -> String {
        "Trickle".into()
    }

    fn is_parallel(&self) -> bool {
        false
    }

    fn create_enumerator(&self) -> Result<FixedSplits<u64>> {
        Ok(FixedSplits::new([0]))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<FixedSplits<u64>> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, _: &RuntimeContext) -> Result<TrickleReader> {
        Ok(TrickleReader { arrived: self.0.clone(), sent: 0, assigned: false })
    }
}

impl SourceReader for TrickleReader {
    type Out = u64;
    type Split = u64;

    fn add_split(&mut self, _: u64) -> Result {
        self.assigned = true;
        Ok(())
    }

    fn poll(&mut self, _: usize, out: &mut SourceOutput<'_, '_, u64>) -> Result<ReaderStatus> {
        if !self.assigned || self.sent == 5 {
            return Ok(ReaderStatus::NeedsSplit);
        }
        if self.arrived.load(Ordering::Acquire) == self.sent {
            out.collect(self.sent as u64);
            self.sent += 1;
        }
        Ok(ReaderStatus::WaitUntil(out.now() + 1))
    }

    fn snapshot(&mut self) -> Result<Vec<u64>> {
        Ok(vec![0])
    }
}

struct Arrivals(Arc<AtomicUsize>);

struct ArrivalsWriter(Arc<AtomicUsize>);

impl Sink for Arrivals {
    type In = u64;
    type Committable = ();
    type Writer = ArrivalsWriter;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Arrivals".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<ArrivalsWriter> {
        Ok(ArrivalsWriter(self.0.clone()))
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl SinkWriter for ArrivalsWriter {
    type In = u64;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<u64>>) -> Result<Readiness> {
        self.0.fetch_add(records.len(), Ordering::AcqRel);
        Ok(Readiness::Ready)
    }
}

#[test]
fn a_record_goes_on_after_the_buffer_timeout_though_its_batch_is_not_full() {
    on_all_hosts(|env| {
        for timeout in [0, 5] {
            let arrived = Arc::new(AtomicUsize::new(0));
            env.set_parallelism(2).set_buffer_timeout(Duration::from_millis(timeout));
            env.from_source(Trickle(arrived.clone())).rebalance().map(|n| n).sink_to(Arrivals(arrived.clone()));

            // Without the timeout the source would wait for ever for its first record to arrive.
            env.execute().unwrap();

            assert_eq!(arrived.load(Ordering::Acquire), 5);
        }
    });
}

/// A writer that is resumed from a thread of its own.
struct ThreadSink(CheckingSink<u64>);

struct ThreadWriter {
    sink: CheckingSink<u64>,
    completions: CompletionSender,
}

impl Sink for ThreadSink {
    type In = u64;
    type Committable = ();
    type Writer = ThreadWriter;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Thread".into()
    }

    fn create_writer(&self, context: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<ThreadWriter> {
        Ok(ThreadWriter { sink: self.0.clone(), completions: context.completions.clone() })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl SinkWriter for ThreadWriter {
    type In = u64;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<u64>>) -> Result<Readiness> {
        self.sink.write(records)?;
        let completions = self.completions.clone();
        std::thread::spawn(move || completions.send(Box::new(())));
        Ok(Readiness::Busy)
    }
}

#[test]
fn a_completion_from_another_thread_wakes_a_busy_operator() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(2);
    let sink = CheckingSink::new(|n: &u64| *n);
    env.from_sequence(1, 200_000).sink_to(ThreadSink(sink.clone()));

    env.execute().unwrap();

    assert_eq!((sink.count(), sink.sum()), (200_000, 200_000 * 200_001 / 2));
}
