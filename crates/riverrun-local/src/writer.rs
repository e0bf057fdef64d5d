//! The sending end of a connection: spreads records over the subtasks of the next task.

use std::collections::VecDeque;
use std::sync::Arc;

use riverrun_stream::batch::{Batch, DataType};
use riverrun_stream::element::{StreamElement, Timestamp};
use riverrun_stream::graph::Partitioning;
use riverrun_stream::{Error, FunctionError};

use crate::channel::Channel;

/// One subtask that is written to.
struct Target {
    channel: Arc<Channel>,
    /// The batch being filled.
    filling: Batch,
    /// Elements that wait for room in the channel.
    waiting: VecDeque<StreamElement>,
}

/// What a writer has to know of its connection.
pub(crate) struct Connection {
    pub(crate) data_type: DataType,
    pub(crate) partitioning: Partitioning,
    /// The name of the operator that is written to.
    pub(crate) reader: String,
    /// The key groups of the operator that is written to.
    pub(crate) max_parallelism: usize,
    /// The subtask that writes.
    pub(crate) subtask: usize,
    /// Records of a full batch.
    pub(crate) batch_size: usize,
    /// How long a batch waits to be filled, in milliseconds.
    pub(crate) timeout: i64,
}

/// Writes one output of a subtask to all subtasks behind one edge.
pub(crate) struct EdgeWriter {
    targets: Vec<Target>,
    connection: Connection,
    /// The subtask of each record of a batch, where a partitioner names it.
    named: Vec<usize>,
    next: usize,
    random: u64,
    /// When the batches being filled have to go, full or not.
    deadline: Option<Timestamp>,
}

impl EdgeWriter {
    pub(crate) fn new(channels: Vec<Arc<Channel>>, connection: Connection) -> Self {
        let target =
            |channel| Target { channel, filling: connection.data_type.empty_batch(), waiting: VecDeque::new() };
        let targets: Vec<_> = channels.into_iter().map(target).collect();
        Self {
            next: connection.subtask % targets.len().max(1),
            random: connection.subtask as u64 ^ 0x9e37_79b9_7f4a_7c15,
            targets,
            connection,
            named: Vec::new(),
            deadline: None,
        }
    }

    /// Whether it takes another element.
    pub(crate) fn has_room(&self) -> bool {
        self.targets.iter().all(|target| target.waiting.is_empty())
    }

    /// Whether everything has been sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.has_room() && self.targets.iter().all(|target| target.filling.is_empty())
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    pub(crate) fn write(&mut self, element: StreamElement, now: Timestamp) -> Result<(), FunctionError> {
        match element {
            StreamElement::Records(batch) => {
                self.spread(batch)?;
                let filling = self.targets.iter().any(|target| !target.filling.is_empty());
                match (filling, self.deadline) {
                    (true, None) => self.deadline = Some(now.saturating_add(self.connection.timeout)),
                    (false, _) => self.deadline = None,
                    _ => {}
                }
            }
            StreamElement::Watermark(watermark) => self.send_to_all(|| StreamElement::Watermark(watermark)),
            StreamElement::Idle(idle) => self.send_to_all(|| StreamElement::Idle(idle)),
            StreamElement::Barrier(request) => self.send_to_all(|| StreamElement::Barrier(request)),
            StreamElement::EndOfInput => self.send_to_all(|| StreamElement::EndOfInput),
        }
        self.pump(now);
        Ok(())
    }

    fn spread(&mut self, batch: Batch) -> Result<(), FunctionError> {
        let count = self.targets.len();
        if count == 1 {
            return Ok(self.fill(0, batch)?);
        }
        let dealt = match &self.connection.partitioning {
            Partitioning::Broadcast => {
                return Ok((0..count).try_for_each(|target| self.fill(target, batch.duplicate()))?);
            }
            Partitioning::KeyBy(partitioner) | Partitioning::Custom(partitioner) => {
                self.named.clear();
                partitioner
                    .targets(&batch, self.connection.max_parallelism, count, &mut self.named)
                    .map_err(|error| error.context(format!("on the way to `{}`", self.connection.reader)))?;
                batch.deal_to(count, &self.named)
            }
            Partitioning::Shuffle => {
                let random = &mut self.random;
                batch.deal(count, || {
                    // Xorshift: even enough to spread load, and the same again for the same subtask.
                    *random ^= *random << 13;
                    *random ^= *random >> 7;
                    *random ^= *random << 17;
                    (*random % count as u64) as usize
                })
            }
            Partitioning::Forward | Partitioning::Rebalance | Partitioning::Rescale => {
                let next = &mut self.next;
                batch.deal(count, || {
                    let target = *next;
                    *next = if target + 1 == count { 0 } else { target + 1 };
                    target
                })
            }
        };
        Ok(dealt.into_iter().enumerate().try_for_each(|(target, batch)| self.fill(target, batch))?)
    }

    fn fill(&mut self, index: usize, batch: Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let target = &mut self.targets[index];
        if target.filling.is_empty() {
            target.filling = batch;
        } else {
            self.connection.data_type.append(&mut target.filling, batch)?;
        }
        if target.filling.len() >= self.connection.batch_size {
            let full = std::mem::replace(&mut target.filling, self.connection.data_type.empty_batch());
            target.waiting.push_back(StreamElement::Records(full));
        }
        Ok(())
    }

    fn flush(&mut self) {
        self.deadline = None;
        for target in self.targets.iter_mut().filter(|target| !target.filling.is_empty()) {
            let batch = std::mem::replace(&mut target.filling, self.connection.data_type.empty_batch());
            target.waiting.push_back(StreamElement::Records(batch));
        }
    }

    fn send_to_all(&mut self, element: impl Fn() -> StreamElement) {
        self.flush();
        for target in &mut self.targets {
            target.waiting.push_back(element());
        }
    }

    /// Sends what there is room for; true where anything moved.
    pub(crate) fn pump(&mut self, now: Timestamp) -> bool {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.flush();
        }
        let mut moved = false;
        for target in self.targets.iter_mut().filter(|target| !target.waiting.is_empty()) {
            moved |= target.channel.push_from(&mut target.waiting);
        }
        moved
    }
}
