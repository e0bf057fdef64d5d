//! How work elsewhere reports back to the operator that started it.

use std::any::Any;
use std::collections::VecDeque;

use crate::sync::{Arc, Mutex, PoisonError};

/// What the work gives back; the operator knows its type.
pub type Completion = Box<dyn Any + Send>;

/// The completions of one operator that it has not been given yet.
#[derive(Clone)]
pub struct CompletionQueue {
    waiting: Arc<Mutex<VecDeque<Completion>>>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl CompletionQueue {
    /// An empty queue; `wake` is called after each arrival, on the thread that brought it.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { waiting: Arc::default(), wake: Arc::new(wake) }
    }

    /// The sending end, for the operator's context.
    #[must_use]
    pub fn sender(&self) -> CompletionSender {
        CompletionSender(Some(self.clone()))
    }

    /// Takes the oldest completion.
    #[must_use]
    pub fn pop(&self) -> Option<Completion> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Hands results to an operator, from any thread. A completion after the operator's `close` is dropped.
#[derive(Clone)]
pub struct CompletionSender(Option<CompletionQueue>);

impl CompletionSender {
    /// A sender to nobody.
    #[must_use]
    pub fn disconnected() -> Self {
        Self(None)
    }

    /// Has the operator's [`complete`](super::Operator::complete) called with this value. Never blocks.
    pub fn send(&self, completion: Completion) {
        if let Some(queue) = &self.0 {
            queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(completion);
            (queue.wake)();
        }
    }
}
