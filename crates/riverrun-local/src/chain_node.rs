//! One operator in its task: what it has been given, what it has put out, and where that goes.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use riverrun_stream::element::{MAX_WATERMARK, StreamElement, Timestamp};
use riverrun_stream::operator::{CompletionQueue, Operator, Outputs, Readiness, SnapshotKind, SnapshotRequest, Turn};
use riverrun_stream::{FunctionError, Result, RuntimeContext};

use crate::metrics::NodeMetrics;
use crate::writer::EdgeWriter;

/// The checkpoint that a bounded job takes when everything has been emitted.
pub(crate) const LAST_CHECKPOINT: SnapshotRequest = SnapshotRequest { id: 1, kind: SnapshotKind::Checkpoint };

/// How many elements may wait in front of a chained operator.
const HOLD: usize = 2;

/// Where a port's elements go.
pub(crate) enum Route {
    /// To an operator of the same task.
    Chained { node: usize, input: usize },
    /// To another task.
    Edge(EdgeWriter),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Created,
    Running,
    /// All inputs have ended; `finish` has not been called yet.
    Ending,
    /// `finish` was called, and the operator has not emitted everything yet.
    Finishing,
    Finished,
    Closed,
}

impl Phase {
    /// Whether the operator may be called: from its `open` until it is finished.
    fn is_active(self) -> bool {
        matches!(self, Phase::Running | Phase::Ending | Phase::Finishing)
    }
}

pub(crate) struct ChainNode {
    pub(crate) context: RuntimeContext,
    operator: Box<dyn Operator>,
    outputs: Outputs,
    /// By port.
    pub(crate) routes: Vec<Vec<Route>>,
    /// Elements that came and were not delivered.
    pub(crate) hold: VecDeque<(usize, StreamElement)>,
    completions: CompletionQueue,
    metrics: NodeMetrics,
    alarm: Option<Timestamp>,
    readiness: Readiness,
    open_inputs: usize,
    phase: Phase,
}

impl ChainNode {
    pub(crate) fn new(
        context: RuntimeContext, operator: Box<dyn Operator>, routes: Vec<Vec<Route>>, completions: CompletionQueue,
    ) -> Self {
        let mut outputs = Outputs::of(&*operator);
        outputs.connect_only(|port| routes.get(port).is_some_and(|routes| !routes.is_empty()));
        let inputs = operator.inputs().len();
        Self {
            open_inputs: inputs,
            metrics: NodeMetrics::register(&*context.metrics, inputs, outputs.len()),
            context,
            operator,
            outputs,
            routes,
            hold: VecDeque::new(),
            completions,
            alarm: None,
            readiness: Readiness::Ready,
            phase: Phase::Created,
        }
    }

    /// Calls the operator; a panic is its failure.
    fn call<R>(
        &mut self, now: Timestamp, call: impl FnOnce(&mut dyn Operator, &mut Turn<'_>) -> Result<R>,
    ) -> Result<R> {
        let mut turn = Turn::new(&mut self.outputs, now, &mut self.alarm);
        let operator = &mut *self.operator;
        catch_unwind(AssertUnwindSafe(|| call(operator, &mut turn)))
            .unwrap_or_else(|payload| Err(FunctionError::from_panic(&*payload)))
    }

    pub(crate) fn open(&mut self, now: Timestamp) -> Result {
        let context = self.context.clone();
        self.phase = Phase::Running;
        self.call(now, |operator, turn| operator.open(&context, turn))
    }

    /// Whether the operator before it may hand it another element.
    pub(crate) fn has_room(&self) -> bool {
        self.hold.len() < HOLD
    }

    pub(crate) fn wants_input(&self) -> bool {
        self.phase == Phase::Running && self.readiness == Readiness::Ready && self.hold.is_empty()
    }

    pub(crate) fn take_output(&mut self, port: usize) -> Option<StreamElement> {
        let element = self.outputs.port(port)?.pop()?;
        match &element {
            StreamElement::Records(batch) => self.metrics.records_out.add(batch.len() as u64),
            StreamElement::Watermark(watermark) if port == 0 => self.metrics.watermark_out(*watermark),
            _ => {}
        }
        Some(element)
    }

    pub(crate) fn ports(&self) -> usize {
        self.outputs.len()
    }

    pub(crate) fn port_is_empty(&mut self, port: usize) -> bool {
        self.outputs.port(port).is_none_or(|port| port.is_empty())
    }

    pub(crate) fn outputs_are_empty(&mut self) -> bool {
        (0..self.outputs.len()).all(|port| self.port_is_empty(port))
    }

    /// When the operator wants to be woken.
    pub(crate) fn alarm(&self) -> Option<Timestamp> {
        self.alarm.filter(|_| self.phase.is_active())
    }

    /// When a batch that it has begun has to go.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let deadlines = self.routes.iter().flatten().filter_map(|route| match route {
            Route::Edge(writer) => writer.deadline(),
            Route::Chained { .. } => None,
        });
        deadlines.min()
    }

    /// Everything was emitted and has left the task.
    pub(crate) fn is_drained(&mut self) -> bool {
        let sent = |route: &Route| {
            matches!(route, Route::Chained { .. }) || matches!(route, Route::Edge(writer) if writer.is_empty())
        };
        self.phase == Phase::Finished && self.outputs_are_empty() && self.routes.iter().flatten().all(sent)
    }

    /// Makes at most one call of the operator: a completion, a wake-up, an element or the finish, in this order.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Result<bool> {
        if !self.phase.is_active() {
            return Ok(false);
        }
        let readiness = if let Some(completion) = self.completions.pop() {
            self.call(now, |operator, turn| operator.complete(completion, turn))?
        } else if self.alarm.is_some_and(|alarm| alarm <= now) {
            self.alarm = None;
            self.call(now, |operator, turn| operator.wake(turn))?
        } else if self.readiness == Readiness::Busy {
            return Ok(false);
        } else if self.phase == Phase::Ending {
            self.phase = Phase::Finishing;
            self.call(now, |operator, turn| operator.finish(turn))?
        } else if let Some((input, element)) = self.hold.pop_front() {
            self.deliver(input, element, now)?
        } else {
            return Ok(false);
        };
        self.settle(readiness, now)?;
        Ok(true)
    }

    fn deliver(&mut self, input: usize, element: StreamElement, now: Timestamp) -> Result<Readiness> {
        match element {
            StreamElement::Records(batch) => {
                self.metrics.records_in.add(batch.len() as u64);
                self.call(now, |operator, turn| operator.process(input, batch, turn))
            }
            StreamElement::Watermark(watermark) => {
                self.metrics.watermark_in(input, watermark);
                self.call(now, |operator, turn| operator.watermark(input, watermark, turn))
            }
            StreamElement::Idle(idle) => self.call(now, |operator, turn| operator.idle(input, idle, turn)),
            StreamElement::EndOfInput => {
                self.open_inputs -= 1;
                if self.open_inputs == 0 {
                    self.phase = Phase::Ending;
                }
                self.call(now, |operator, turn| operator.end_input(input, turn))
            }
            StreamElement::Barrier(request) => Err(FunctionError::internal(format!(
                "barrier {} arrived, and the local host takes no checkpoints while a job runs",
                request.id
            ))),
        }
    }

    fn settle(&mut self, readiness: Readiness, now: Timestamp) -> Result {
        self.readiness = readiness;
        match (self.phase, readiness) {
            (Phase::Running, Readiness::Finished) => {
                self.outputs.broadcast(|| StreamElement::Watermark(MAX_WATERMARK));
                self.readiness = Readiness::Ready;
                self.phase = Phase::Ending;
            }
            (Phase::Finishing, Readiness::Ready) => {
                self.phase = Phase::Finished;
                self.call(now, |operator, turn| operator.prepare_snapshot(LAST_CHECKPOINT, turn))?;
                self.call(now, |operator, _| operator.snapshot(LAST_CHECKPOINT))?;
                self.outputs.broadcast(|| StreamElement::EndOfInput);
            }
            _ => {}
        }
        Ok(())
    }

    /// The job has drained everywhere.
    pub(crate) fn commit(&mut self, now: Timestamp) -> Result {
        self.call(now, |operator, _| operator.checkpoint_complete(LAST_CHECKPOINT.id))
    }

    /// Closes the operator, once, if it was opened.
    pub(crate) fn close(&mut self, now: Timestamp) -> Result {
        if matches!(self.phase, Phase::Created | Phase::Closed) {
            return Ok(());
        }
        self.phase = Phase::Closed;
        self.call(now, |operator, _| operator.close())
    }
}
