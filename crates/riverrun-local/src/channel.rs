//! A bounded channel from one task to another.

use std::collections::VecDeque;

use riverrun_stream::element::StreamElement;

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};
use crate::waker::Waker;

/// Elements on their way from one subtask to another, at most `capacity` of them.
pub(crate) struct Channel {
    queue: Mutex<VecDeque<StreamElement>>,
    capacity: usize,
    producer: Arc<Waker>,
    consumer: Arc<Waker>,
}

impl Channel {
    pub(crate) fn new(capacity: usize, producer: Arc<Waker>, consumer: Arc<Waker>) -> Self {
        Self { queue: Mutex::default(), capacity, producer, consumer }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<StreamElement>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts as many elements in as there is room for.
    pub(crate) fn push_from(&self, elements: &mut VecDeque<StreamElement>) -> bool {
        let mut queue = self.queue();
        let room = self.capacity.saturating_sub(queue.len()).min(elements.len());
        queue.extend(elements.drain(..room));
        drop(queue);
        if room > 0 {
            self.consumer.wake();
        }
        room > 0
    }

    pub(crate) fn pop(&self) -> Option<StreamElement> {
        let mut queue = self.queue();
        let was_full = queue.len() >= self.capacity;
        let element = queue.pop_front();
        drop(queue);
        if was_full {
            self.producer.wake();
        }
        element
    }
}
