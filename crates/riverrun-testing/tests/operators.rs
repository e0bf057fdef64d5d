//! The suite on the operators of `riverrun-stream`.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use riverrun_stream::batch::DataType;
use riverrun_stream::functions::{
    Collector, FilterFunction, FlatMapFunction, MapFunction, OutputTag, ProcessContext, ProcessFunction,
};
use riverrun_stream::operator::{
    FilterOperator, FlatMap, FlatMapOperator, MapOperator, ProcessOperator, Readiness, SinkOperator, SnapshotKind,
};
use riverrun_stream::sink::{NoCommit, Sink, SinkWriter};
use riverrun_stream::source::{CollectionSource, NumberSequence};
use riverrun_stream::{Result, RuntimeContext, StreamRecord};
use riverrun_testing::{
    CheckingSink, CollectingSink, CommittingSink, Feed, HarnessError, OperatorHarness, OperatorSuite, SlowSink,
    SourceSuite,
};
use std::sync::Arc;

/// Records with rising timestamps and watermarks between them.
fn timestamped(count: i64) -> Vec<Feed> {
    (0..count / 100)
        .flat_map(|run| {
            let records = (run * 100..(run + 1) * 100).map(|n| StreamRecord::at(n as u64, n));
            [Feed::records(0, records), Feed::watermark(0, run * 100 + 99)]
        })
        .collect()
}

#[derive(Clone)]
struct Triple;

impl MapFunction<u64> for Triple {
    type Out = String;

    fn map(&mut self, value: u64) -> Result<String> {
        Ok((3 * value).to_string())
    }
}

#[derive(Clone)]
struct Odd;

impl FilterFunction<u64> for Odd {
    fn filter(&mut self, value: &u64) -> Result<bool> {
        Ok(value % 2 == 1)
    }
}

#[derive(Clone)]
struct Repeat(u64);

impl FlatMapFunction<u64> for Repeat {
    type Out = (u64, u64);

    fn flat_map(&mut self, value: u64, out: &mut Collector<'_, (u64, u64)>) -> Result {
        (0..self.0).for_each(|copy| out.collect((value, copy)));
        Ok(())
    }
}

#[derive(Clone)]
struct Sort;

impl Sort {
    fn words() -> OutputTag<String> {
        OutputTag::new("words")
    }

    fn squares() -> OutputTag<u64> {
        OutputTag::new("squares")
    }
}

impl ProcessFunction<u64> for Sort {
    type Out = u64;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        vec![Self::words().port(), Self::squares().port()]
    }

    fn process_element(
        &mut self, value: u64, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, u64>,
    ) -> Result {
        match value % 3 {
            0 => out.collect(value),
            1 => (0..7).try_for_each(|n| context.output(&Self::words(), format!("{value}.{n}")))?,
            _ => context.output(&Self::squares(), value * value)?,
        }
        Ok(())
    }
}

#[test]
fn map_passes_the_suite() {
    let report = OperatorSuite::new(|| Box::new(MapOperator::new(Triple)), || timestamped(1000)).run().unwrap();

    assert_eq!(report.values::<String>(0).unwrap()[..3], ["0", "3", "6"]);
    assert!(report.snapshots > 50 && report.aborted_stops > 0, "{report:?}");
}

#[test]
fn filter_passes_the_suite() {
    let report =
        OperatorSuite::new(|| Box::new(FilterOperator::<u64, _>::new(Odd)), || timestamped(1000)).run().unwrap();

    assert_eq!(report.values::<u64>(0).unwrap().len(), 500);
}

#[test]
fn flat_map_passes_the_suite_also_where_it_is_busy() {
    let operator =
        || -> Box<dyn riverrun_stream::operator::Operator> { Box::new(FlatMapOperator::new(FlatMap(Repeat(40)))) };
    let report = OperatorSuite::new(operator, || vec![Feed::values(0, 0..200_u64)]).run().unwrap();

    assert_eq!(report.values::<(u64, u64)>(0).unwrap().len(), 8_000);
    assert!(report.busy_snapshots > 10, "{report:?}");
}

#[test]
fn process_with_side_outputs_passes_the_suite() {
    let report = OperatorSuite::new(|| Box::new(ProcessOperator::new(Sort)), || timestamped(3000)).run().unwrap();

    assert_eq!(report.values::<u64>(0).unwrap().len(), 1000);
    assert_eq!(report.values::<String>(1).unwrap().len(), 7000);
    assert_eq!(report.values::<u64>(2).unwrap()[..2], [4, 25]);
}

#[test]
fn a_committing_sink_passes_the_suite() {
    let sink = CommittingSink::<u64>::new();
    let visible = sink.clone();

    let report = OperatorSuite::new(move || Box::new(SinkOperator::new(Arc::new(sink.clone()))), || timestamped(1000))
        .unordered() // a restore commits before what the next transaction holds, whichever subtask that is in
        .observing(move || visible.take())
        .run()
        .unwrap();

    assert_eq!(report.values::<u64>(0).unwrap(), (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_slow_sink_passes_the_suite() {
    let sink = SlowSink::<u64>::new(2);
    let visible = sink.clone();

    let report = OperatorSuite::new(move || Box::new(SinkOperator::new(Arc::new(sink.clone()))), || timestamped(1000))
        .observing(move || visible.take())
        .run()
        .unwrap();

    assert_eq!(report.values::<u64>(0).unwrap().len(), 1000);
    assert!(report.busy_snapshots > 10, "{report:?}");
}

#[test]
fn a_checking_sink_counts_and_sums() {
    let sink = CheckingSink::new(|n: &u64| *n);
    let mut harness = OperatorHarness::new(SinkOperator::new(Arc::new(sink.clone())));
    harness.open().unwrap();
    harness.process(0, 1..=10_u64).unwrap();
    harness.finish().unwrap();

    assert_eq!((sink.count(), sink.sum()), (10, 55));
}

#[test]
fn nothing_is_committed_before_its_checkpoint_is_complete() {
    let sink = CommittingSink::<u64>::new();
    let mut harness = OperatorHarness::new(SinkOperator::new(Arc::new(sink.clone())));
    harness.open().unwrap();
    harness.process(0, [1_u64, 2]).unwrap();
    let (first, _) = harness.snapshot(SnapshotKind::Checkpoint).unwrap();
    harness.process(0, [3_u64]).unwrap();

    assert!(sink.take().is_empty());
    harness.complete_checkpoint(first).unwrap();
    assert_eq!(sink.take(), [1, 2], "the third record came behind the checkpoint");
    harness.complete_checkpoint(first).unwrap();
    assert!(sink.take().is_empty());
}

#[test]
fn what_an_aborted_checkpoint_made_ready_is_committed_with_the_next() {
    let sink = CommittingSink::<u64>::new();
    let mut harness = OperatorHarness::new(SinkOperator::new(Arc::new(sink.clone())));
    harness.open().unwrap();
    harness.process(0, [1_u64]).unwrap();
    let (first, _) = harness.snapshot(SnapshotKind::Checkpoint).unwrap();
    harness.abort_checkpoint(first).unwrap();
    harness.process(0, [2_u64]).unwrap();
    let (second, _) = harness.snapshot(SnapshotKind::Checkpoint).unwrap();

    harness.complete_checkpoint(second).unwrap();

    assert_eq!(sink.take(), [1, 2]);
}

#[test]
fn committables_of_a_restored_checkpoint_are_committed_once() {
    let sink = CommittingSink::<u64>::new();
    let mut harness = OperatorHarness::new(SinkOperator::new(Arc::new(sink.clone())));
    harness.open().unwrap();
    harness.process(0, [1_u64]).unwrap();
    let (id, state) = harness.snapshot(SnapshotKind::Checkpoint).unwrap();
    // The checkpoint is complete, and the task dies after its commit: the restored one commits again.
    harness.complete_checkpoint(id).unwrap();

    let mut restored = OperatorHarness::new(SinkOperator::new(Arc::new(sink.clone())));
    restored.restore(state).unwrap();
    restored.open().unwrap();

    assert_eq!(sink.take(), [1]);
}

#[test]
fn a_sequence_passes_the_source_suite() {
    let report = SourceSuite::new(|| NumberSequence::new(5, 20_000)).run().unwrap();

    assert_eq!(report.values::<u64>(0).unwrap().len(), 19_996);
    assert!(report.snapshots > 50);
}

#[test]
fn a_collection_passes_the_source_suite() {
    let words = || (0..5000).map(|n| format!("word {n}")).collect::<Vec<_>>();

    let report = SourceSuite::new(move || CollectionSource::new(words())).run().unwrap();

    assert_eq!(report.values::<String>(0).unwrap(), words());
}

#[test]
fn sequences_at_the_ends_of_their_type_are_read_whole() {
    for (from, to, count) in [(0, 0, 1), (7, 6, 0), (u64::MAX - 99, u64::MAX, 100), (u64::MAX, u64::MAX, 1)] {
        let report = SourceSuite::new(move || NumberSequence::new(from, to)).seeds(20).run().unwrap();

        assert_eq!(report.values::<u64>(0).unwrap().len(), count, "{from} to {to}");
    }
}

#[test]
fn state_of_another_operator_is_refused() {
    let mut slow = OperatorHarness::new(FlatMapOperator::new(FlatMap(Repeat(2000))));
    slow.open().unwrap();
    slow.process(0, [1_u64, 2]).unwrap();
    let (_, state) = slow.snapshot(SnapshotKind::Savepoint).unwrap();

    let mut other = OperatorHarness::new(MapOperator::new(Triple));
    let error = other.restore(state).and_then(|()| other.open()).unwrap_err();

    assert!(matches!(error, HarnessError::Operator(_)) && error.to_string().contains("uid"), "{error}");
}

#[test]
fn a_collecting_sink_keeps_the_order() {
    let sink = CollectingSink::<String>::new();
    let mut harness = OperatorHarness::new(SinkOperator::new(Arc::new(sink.clone())));
    harness.open().unwrap();
    harness.process(0, ["a".to_string(), "b".to_string()]).unwrap();

    assert_eq!(sink.take(), ["a", "b"]);
}

/// Puts what it was given on its list when half a minute has passed.
struct HalfMinutes {
    seen: CollectingSink<u64>,
    now: i64,
    held: Vec<StreamRecord<u64>>,
    due: Option<i64>,
}

impl SinkWriter for HalfMinutes {
    type In = u64;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<u64>>) -> Result<Readiness> {
        self.held.extend(records);
        self.due.get_or_insert(self.now + 30_000);
        Ok(Readiness::Ready)
    }

    fn processing_time(&mut self, now: i64) -> Result<Option<i64>> {
        self.now = now;
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            SinkWriter::write(&mut self.seen, std::mem::take(&mut self.held))?;
        }
        Ok(self.due)
    }
}

struct HalfMinuteSink(CollectingSink<u64>);

impl Sink for HalfMinuteSink {
    type In = u64;
    type Committable = ();
    type Writer = HalfMinutes;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Half minutes".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<HalfMinutes> {
        Ok(HalfMinutes { seen: self.0.clone(), now: 0, held: Vec::new(), due: None })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

#[test]
fn a_sink_is_told_the_time_it_asked_for_although_nothing_is_written() {
    let seen = CollectingSink::new();
    let mut harness = OperatorHarness::new(SinkOperator::new(Arc::new(HalfMinuteSink(seen.clone())))).at(1_000);
    harness.open().unwrap();
    harness.process(0, [7_u64]).unwrap();

    harness.advance_to(30_999).unwrap();
    assert_eq!(seen.take(), [0; 0]);
    harness.advance_to(31_000).unwrap();

    assert_eq!(seen.take(), [7]);
}
