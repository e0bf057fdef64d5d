//! A bounded channel from one task to another.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use riverrun_stream::element::StreamElement;

/// Says to a task that something has changed for it.
#[derive(Default)]
pub(crate) struct Waker {
    notified: AtomicBool,
    lock: Mutex<()>,
    condition: Condvar,
}

impl Waker {
    pub(crate) fn wake(&self) {
        if !self.notified.swap(true, Ordering::AcqRel) {
            // The lock is taken so that a sleeper is either before its check of the flag or inside the wait.
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.condition.notify_one();
        }
    }

    /// Whether it was woken since it last waited or was asked: what a driver without threads does instead of sleeping.
    pub(crate) fn take(&self) -> bool {
        self.notified.swap(false, Ordering::AcqRel)
    }

    /// Sleeps until woken, or for at most this long.
    pub(crate) fn wait(&self, at_most: Option<Duration>) {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.notified.swap(false, Ordering::AcqRel) {
            guard = match at_most {
                None => self.condition.wait(guard).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let (_guard, _) = self.condition.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner);
                    // A swap, not a store: a load of what the waker said must not move before it, or its news is lost.
                    self.notified.swap(false, Ordering::AcqRel);
                    return;
                }
            };
        }
    }
}

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
