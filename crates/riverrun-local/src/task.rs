//! A task: the operators of one chain for one subtask, as a state machine that a driver steps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use riverrun_stream::element::{StreamElement, Timestamp};
use riverrun_stream::{Error, FunctionError};

use crate::chain_node::{ChainNode, Route};
use crate::inputs::Inputs;
use crate::job::Job;
use crate::metrics::TaskTimes;
use crate::waker::Waker;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something moved: step again.
    Moved,
    /// Nothing can move until something arrives, or until this time.
    Waiting(Option<Timestamp>),
    /// The task has stopped; its operators are closed.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Created,
    Running,
    /// It has emitted everything; others have not.
    Drained,
    Done,
}

/// How many rounds a step makes at most, so that a driver sees to other tasks and to the clock.
const ROUNDS: usize = 16;

/// What a task is made of, before its job is there.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) waker: Arc<Waker>,
    pub(crate) times: Arc<TaskTimes>,
    pub(crate) inputs: Inputs,
    /// Upstream first.
    pub(crate) nodes: Vec<ChainNode>,
}

pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) waker: Arc<Waker>,
    pub(crate) times: Arc<TaskTimes>,
    job: Arc<Job>,
    inputs: Inputs,
    nodes: Vec<ChainNode>,
    state: State,
}

impl Task {
    pub(crate) fn new(part: Part, job: Arc<Job>) -> Self {
        let Part { name, waker, times, inputs, nodes } = part;
        Self { name, waker, times, job, inputs, nodes, state: State::Created }
    }

    /// Whether it has something to send to a task that has no room for it.
    pub(crate) fn is_back_pressured(&self) -> bool {
        let full = |route: &Route| matches!(route, Route::Edge(writer) if !writer.has_room());
        self.nodes.iter().any(|node| node.routes.iter().flatten().any(full))
    }

    pub(crate) fn step(&mut self, now: Timestamp) -> Progress {
        if self.state == State::Done {
            return Progress::Done;
        }
        if self.job.is_stopped() {
            return self.stop(now);
        }
        match self.state {
            State::Created => {
                self.state = State::Running;
                // The last first, so that every operator is open before it is sent anything.
                for index in (0..self.nodes.len()).rev() {
                    if let Err(error) = self.nodes[index].open(now) {
                        return self.fail(index, error, now);
                    }
                }
                Progress::Moved
            }
            State::Running => self.run(now),
            State::Drained if self.job.is_drained() => {
                for index in 0..self.nodes.len() {
                    if let Err(error) = self.nodes[index].commit(now) {
                        return self.fail(index, error, now);
                    }
                }
                self.stop(now)
            }
            State::Drained | State::Done => Progress::Waiting(None),
        }
    }

    fn run(&mut self, now: Timestamp) -> Progress {
        let mut moved = false;
        for _ in 0..ROUNDS {
            let mut round = false;
            // The last first: what can leave the task leaves before more comes in.
            for index in (0..self.nodes.len()).rev() {
                // Values are cloned and dropped on their way between operators, and that is the user's code as well.
                let advanced = catch_unwind(AssertUnwindSafe(|| self.advance(index, now)))
                    .unwrap_or_else(|payload| Err(FunctionError::from_panic(&*payload)));
                match advanced {
                    Ok(advanced) => round |= advanced,
                    Err(error) => return self.fail(index, error, now),
                }
            }
            if !round {
                break;
            }
            moved = true;
        }
        if self.nodes.iter_mut().all(ChainNode::is_drained) {
            self.state = State::Drained;
            self.job.drained();
            return Progress::Moved;
        }
        if moved { Progress::Moved } else { Progress::Waiting(self.next_alarm()) }
    }

    /// When to step again if nothing arrives. An operator that could not be called now for want of room is not waited for
    /// by the clock: its alarm may be over already, and the channel says when there is room.
    fn next_alarm(&mut self) -> Option<Timestamp> {
        let mut next = None;
        for index in 0..self.nodes.len() {
            let deadline = self.nodes[index].deadline();
            let callable = self.nodes[index].outputs_are_empty() && self.has_room_behind(index);
            let alarm = self.nodes[index].alarm().filter(|_| callable);
            next = [next, deadline, alarm].into_iter().flatten().min();
        }
        next
    }

    fn advance(&mut self, index: usize, now: Timestamp) -> Result<bool, FunctionError> {
        let sent = self.send(index, now)?;
        if !self.nodes[index].outputs_are_empty() {
            return Ok(sent);
        }
        let mut moved = sent;
        if index == 0 && !self.inputs.is_empty() && self.nodes[0].wants_input() {
            moved |= self.inputs.read(&mut self.nodes[0].hold)?;
        }
        if self.has_room_behind(index) && self.nodes[index].advance(now)? {
            self.send(index, now)?;
            moved = true;
        }
        Ok(moved)
    }

    fn has_room_behind(&self, index: usize) -> bool {
        self.nodes[index].routes.iter().flatten().all(|route| self.takes(route))
    }

    fn takes(&self, route: &Route) -> bool {
        match route {
            Route::Chained { node, .. } => self.nodes[*node].has_room(),
            Route::Edge(writer) => writer.has_room(),
        }
    }

    /// Moves what an operator has put out to where it goes, as far as there is room.
    fn send(&mut self, index: usize, now: Timestamp) -> Result<bool, FunctionError> {
        let mut moved = false;
        for route in self.nodes[index].routes.iter_mut().flatten() {
            if let Route::Edge(writer) = route {
                moved |= writer.pump(now);
            }
        }
        for port in 0..self.nodes[index].ports() {
            while !self.nodes[index].port_is_empty(port)
                && self.nodes[index].routes.get(port).is_none_or(|routes| routes.iter().all(|route| self.takes(route)))
            {
                moved = true;
                if let Some(element) = self.nodes[index].take_output(port) {
                    self.route(index, port, element, now)?;
                }
            }
        }
        Ok(moved)
    }

    fn route(
        &mut self, index: usize, port: usize, element: StreamElement, now: Timestamp,
    ) -> Result<(), FunctionError> {
        let routes = self.nodes[index].routes[port].len();
        let mut element = Some(element);
        for route in 0..routes {
            let copy = if route + 1 == routes { element.take() } else { element.as_ref().map(duplicate) };
            let Some(copy) = copy else { break };
            match &mut self.nodes[index].routes[port][route] {
                Route::Edge(writer) => writer.write(copy, now)?,
                Route::Chained { node, input } => {
                    let (node, input) = (*node, *input);
                    self.nodes[node].hold.push_back((input, copy));
                }
            }
        }
        Ok(())
    }

    fn fail(&mut self, index: usize, cause: FunctionError, now: Timestamp) -> Progress {
        let context = &self.nodes[index].context;
        self.job.fail(Error::Job {
            job: context.job_name.clone(),
            operator: context.operator_name.clone(),
            subtask: context.subtask_index + 1,
            parallelism: context.parallelism,
            cause,
        });
        self.stop(now)
    }

    fn stop(&mut self, now: Timestamp) -> Progress {
        self.state = State::Done;
        for index in 0..self.nodes.len() {
            if let Err(error) = self.nodes[index].close(now) {
                // The other operators are closed all the same.
                let error = error.context("while it was closed");
                self.fail(index, error, now);
            }
        }
        Progress::Done
    }
}

fn duplicate(element: &StreamElement) -> StreamElement {
    match element {
        StreamElement::Records(batch) => StreamElement::Records(batch.duplicate()),
        StreamElement::Watermark(watermark) => StreamElement::Watermark(*watermark),
        StreamElement::Idle(idle) => StreamElement::Idle(*idle),
        StreamElement::Barrier(request) => StreamElement::Barrier(*request),
        StreamElement::EndOfInput => StreamElement::EndOfInput,
    }
}
