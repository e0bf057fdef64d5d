//! The suite and the harness find what they are there to find.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_stream::batch::{Batch, DataType};
use riverrun_stream::operator::{
    FrozenState, Operator, OperatorSnapshot, Readiness, SnapshotKind, SnapshotRequest, SnapshotWriter, Turn,
    decode_state, encode_state,
};
use riverrun_stream::{Result, RuntimeContext, StreamRecord, Timestamp};
use riverrun_testing::{Feed, HarnessError, OperatorHarness, OperatorSuite, SuiteError};

/// What is wrong with the operator.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    DropsPending,
    DependsOnBatches,
    EmitsWhatItSnapshots,
    EmitsAfterTheStop,
    ForgetsOnAbort,
    LetsWatermarksOvertake,
    NeverWakes,
    EmitsAllAtOnce,
    ReversesOnRestore,
}

/// Passes on one record a turn, and is busy while it has more.
struct OneByOne {
    fault: Fault,
    pending: Vec<StreamRecord<u64>>,
    /// What it makes visible outside.
    outside: Arc<Mutex<Vec<u64>>>,
    frozen: bool,
}

impl OneByOne {
    fn new(fault: Fault, outside: &Arc<Mutex<Vec<u64>>>) -> Self {
        Self { fault, pending: Vec::new(), outside: outside.clone(), frozen: false }
    }

    fn drive(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let batch = if self.fault == Fault::EmitsAllAtOnce { self.pending.len() } else { 1 };
        for _ in 0..batch.min(self.pending.len()) {
            let record = self.pending.remove(0);
            self.outside.lock().unwrap().push(record.value);
            turn.output(0)?.push(record);
        }
        if self.pending.is_empty() {
            return Ok(Readiness::Ready);
        }
        if self.fault != Fault::NeverWakes {
            turn.wake_now();
        }
        Ok(Readiness::Busy)
    }
}

impl Operator for OneByOne {
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<u64>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        vec![(String::new(), DataType::of::<u64>())]
    }

    fn restore(&mut self, mut state: OperatorSnapshot) -> Result {
        for entry in state.take_list("pending") {
            self.pending.push(decode_state("pending", &entry)?);
        }
        if self.fault == Fault::ReversesOnRestore {
            self.pending.reverse();
        }
        Ok(())
    }

    fn open(&mut self, _: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        if !self.pending.is_empty() {
            turn.wake_now();
        }
        Ok(())
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        let mut records = batch.into_records::<u64>()?;
        if self.fault == Fault::DependsOnBatches {
            records[0].value += 1;
        }
        if self.fault == Fault::EmitsAllAtOnce {
            records = records.iter().cycle().take(records.len() * 10_000).cloned().collect();
        }
        self.pending.extend(records);
        self.drive(turn)
    }

    fn watermark(&mut self, _: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        let early = if self.fault == Fault::LetsWatermarksOvertake { 5 } else { 0 };
        turn.emit_watermark(watermark.saturating_add(early));
        Ok(Readiness::Ready)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.drive(turn)
    }

    fn prepare_snapshot(&mut self, request: SnapshotRequest, turn: &mut Turn<'_>) -> Result {
        self.frozen = request.kind == SnapshotKind::Stop;
        if self.fault == Fault::EmitsWhatItSnapshots {
            for record in &self.pending {
                turn.output(0)?.push(record.clone());
            }
        }
        Ok(())
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let pending = if self.fault == Fault::DropsPending { Vec::new() } else { self.pending.clone() };
        if self.frozen && self.fault == Fault::ForgetsOnAbort {
            self.pending.clear();
        }
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            pending.iter().try_for_each(|record| writer.list_entry("pending", encode_state("pending", record)?))
        }))
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.drive(turn)
    }

    fn close(&mut self) -> Result {
        if self.fault == Fault::EmitsAfterTheStop && self.frozen {
            self.outside.lock().unwrap().extend(self.pending.drain(..).map(|record| record.value));
        }
        Ok(())
    }
}

fn suite(fault: Fault) -> Result<(), SuiteError> {
    let outside = Arc::new(Mutex::new(Vec::new()));
    let seen = outside.clone();
    OperatorSuite::new(
        move || Box::new(OneByOne::new(fault, &outside)),
        || {
            vec![
                Feed::records(0, (0..30).map(|n| StreamRecord::at(n as u64, n))),
                Feed::watermark(0, 29),
                Feed::records(0, (30..60).map(|n| StreamRecord::at(n as u64, n))),
            ]
        },
    )
    .observing(move || std::mem::take(&mut *seen.lock().unwrap()))
    .run()
    .map(|_| ())
}

fn problem(fault: Fault) -> String {
    suite(fault).unwrap_err().problem
}

#[test]
fn a_sound_operator_passes() {
    suite(Fault::None).unwrap();
}

#[test]
fn an_operator_that_drops_what_is_pending_is_found() {
    assert!(problem(Fault::DropsPending).contains("lost"), "{}", problem(Fault::DropsPending));
}

#[test]
fn an_operator_that_depends_on_batch_boundaries_is_found() {
    suite(Fault::DependsOnBatches).unwrap_err();
}

#[test]
fn an_operator_that_emits_what_it_snapshots_is_found() {
    assert!(problem(Fault::EmitsWhatItSnapshots).contains("repeated"));
}

#[test]
fn an_operator_that_emits_after_the_stop_is_found() {
    let error = suite(Fault::EmitsAfterTheStop).unwrap_err();

    assert!(error.problem.contains("repeated") && error.history.contains("Stop"), "{error}");
}

#[test]
fn an_operator_that_does_not_resume_after_an_aborted_stop_is_found() {
    let error = suite(Fault::ForgetsOnAbort).unwrap_err();

    assert!(error.problem.contains("lost") && error.history.contains("given up"), "{error}");
}

#[test]
fn a_watermark_that_overtakes_a_record_is_found() {
    assert!(problem(Fault::LetsWatermarksOvertake).contains("overtook"));
}

#[test]
fn an_operator_that_restores_in_another_order_is_found() {
    assert!(problem(Fault::ReversesOnRestore).contains("in the undisturbed run"));
}

#[test]
fn an_operator_that_is_busy_and_waits_for_nothing_is_found() {
    let mut harness =
        OperatorHarness::new(OneByOne::new(Fault::NeverWakes, &Arc::default())).patience(Duration::from_millis(10));
    harness.open().unwrap();
    harness.process(0, [1_u64, 2]).unwrap();

    let error = harness.finish().unwrap_err();

    assert!(matches!(error, HarnessError::Stuck { .. }), "{error}");
}

#[test]
fn a_turn_without_bound_is_found() {
    let mut harness = OperatorHarness::new(OneByOne::new(Fault::EmitsAllAtOnce, &Arc::default()));
    harness.open().unwrap();

    let error = harness.process(0, [1_u64]).unwrap_err();

    assert!(matches!(error, HarnessError::Unbounded { emitted: 10_000, .. }), "{error}");
}

#[test]
fn nothing_is_called_between_the_freeze_of_a_stop_and_its_end() {
    let mut harness = OperatorHarness::new(OneByOne::new(Fault::None, &Arc::default()));
    harness.open().unwrap();
    harness.process(0, [1_u64, 2]).unwrap();

    let (stop, _) = harness.snapshot(SnapshotKind::Stop).unwrap();
    harness.run().unwrap();
    assert_eq!(harness.take_values::<u64>(0).unwrap(), [1]);
    harness.process(0, [3_u64]).unwrap_err();

    harness.abort_checkpoint(stop).unwrap();
    harness.run().unwrap();
    assert_eq!(harness.take_values::<u64>(0).unwrap(), [2]);
}
