//! Where an operator's output goes: buffers that the host owns.

use std::collections::VecDeque;

use crate::batch::{Batch, DataType};
use crate::data::Data;
use crate::element::{StreamElement, StreamRecord, Timestamp};
use crate::error::FunctionError;
use crate::operator::Operator;

/// How many records a full batch has; a turn emits no more than a few of them.
pub const BATCH_SIZE: usize = 1024;

/// One output of an operator: the batch being filled and the elements before it.
pub struct OutputPort {
    name: String,
    data_type: DataType,
    /// Whether anybody reads it: what goes to a port without reader is dropped.
    connected: bool,
    filling: Batch,
    queue: VecDeque<StreamElement>,
}

impl OutputPort {
    fn seal(&mut self) {
        if !self.filling.is_empty() {
            let full = std::mem::replace(&mut self.filling, self.data_type.empty_batch());
            self.queue.push_back(StreamElement::Records(full));
        }
    }

    fn push(&mut self, element: StreamElement) {
        self.seal();
        self.queue.push_back(element);
    }

    /// Takes the oldest element.
    pub fn pop(&mut self) -> Option<StreamElement> {
        if self.queue.is_empty() {
            self.seal();
        }
        let element = self.queue.pop_front()?;
        self.connected.then_some(element)
    }

    /// Whether nothing waits in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.filling.is_empty()
    }
}

/// All outputs of an operator.
pub struct Outputs {
    ports: Vec<OutputPort>,
}

impl Outputs {
    /// Buffers for the outputs of `operator`, all of them connected.
    #[must_use]
    pub fn of(operator: &dyn Operator) -> Self {
        let port = |(name, data_type): (String, DataType)| OutputPort {
            name,
            data_type,
            connected: true,
            filling: data_type.empty_batch(),
            queue: VecDeque::new(),
        };
        Self { ports: operator.outputs().into_iter().map(port).collect() }
    }

    /// Says which ports have a reader.
    pub fn connect_only(&mut self, mut connected: impl FnMut(usize) -> bool) {
        for (index, port) in self.ports.iter_mut().enumerate() {
            port.connected = connected(index);
        }
    }

    /// A port, for the host to take elements from.
    pub fn port(&mut self, index: usize) -> Option<&mut OutputPort> {
        self.ports.get_mut(index)
    }

    /// How many ports there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ports.len()
    }

    /// Whether there is none, as for a sink.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    /// Puts an element of the host's into every port, behind all that was emitted.
    pub fn broadcast(&mut self, mut element: impl FnMut() -> StreamElement) {
        for port in &mut self.ports {
            port.push(element());
        }
    }
}

/// One call of an operator: the outputs, the clock and the alarm.
pub struct Turn<'a> {
    outputs: &'a mut Outputs,
    now: Timestamp,
    alarm: &'a mut Option<Timestamp>,
}

impl<'a> Turn<'a> {
    /// A turn at this processing time. `alarm` is where the operator's one alarm is kept.
    pub fn new(outputs: &'a mut Outputs, now: Timestamp, alarm: &'a mut Option<Timestamp>) -> Self {
        Self { outputs, now, alarm }
    }

    /// Processing time: milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Sets the operator's one alarm; an earlier setting is replaced. `None` clears it. It rings once.
    pub fn wake_at(&mut self, time: Option<Timestamp>) {
        *self.alarm = time;
    }

    /// Asks to be woken as soon as the output has room.
    pub fn wake_now(&mut self) {
        *self.alarm = Some(Timestamp::MIN);
    }

    /// The batch being filled of a port, 0 the main output; records are pushed onto it.
    ///
    /// # Errors
    /// The port does not exist or holds another type: an operator's bug.
    pub fn output<T: Data>(&mut self, port: usize) -> Result<&mut Vec<StreamRecord<T>>, FunctionError> {
        match self.outputs.ports.get_mut(port) {
            Some(port) => Ok(port.filling.records_mut::<T>()?),
            None => Err(FunctionError::internal(format!("the operator has no output {port}"))),
        }
    }

    /// Gives a whole batch to a port.
    ///
    /// # Errors
    /// The port does not exist or holds another type.
    pub fn emit<T: Data>(&mut self, port: usize, records: Vec<StreamRecord<T>>) -> Result<(), FunctionError> {
        let filling = self.output::<T>(port)?;
        if filling.is_empty() {
            *filling = records;
        } else {
            filling.extend(records);
        }
        Ok(())
    }

    /// The index of the side output of this name.
    ///
    /// # Errors
    /// Nobody declared it.
    pub fn port_named(&self, name: &str) -> Result<usize, FunctionError> {
        self.outputs.ports.iter().skip(1).position(|port| port.name == name).map(|index| index + 1).ok_or_else(|| {
            FunctionError::new(format!(
                "the operator has no side output `{name}`; declare its `OutputTag` with the process function's `side_outputs`"
            ))
        })
    }

    /// Emits a watermark on every output, behind the records before it.
    pub fn emit_watermark(&mut self, watermark: Timestamp) {
        self.outputs.broadcast(|| StreamElement::Watermark(watermark));
    }

    /// Says on every output that the stream is idle, or active again.
    pub fn emit_idle(&mut self, idle: bool) {
        self.outputs.broadcast(|| StreamElement::Idle(idle));
    }

    /// Whether a turn has emitted as much as it should.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// How many records this turn may still emit on its fullest output.
    #[must_use]
    pub fn room(&self) -> usize {
        let fullest = self.outputs.ports.iter().map(|port| port.filling.len()).max().unwrap_or(0);
        BATCH_SIZE.saturating_sub(fullest)
    }
}
