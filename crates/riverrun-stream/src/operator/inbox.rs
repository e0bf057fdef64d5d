//! Messages from work elsewhere, taken in bursts: [`Inbox`].

use crate::operator::CompletionSender;
use crate::sync::{Arc, Mutex, PoisonError};

/// What wakes the operator: there is something in its inbox.
pub struct Mail;

/// Messages for one operator. The operator is told once per burst, with [`Mail`], and then takes all there is: a thousand
/// results that arrive together cost one call.
pub struct Inbox<M> {
    shared: Arc<Shared<M>>,
}

/// The sending end of an [`Inbox`], for any thread.
pub struct InboxSender<M> {
    shared: Arc<Shared<M>>,
}

impl<M> Clone for InboxSender<M> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

struct Shared<M> {
    state: Mutex<State<M>>,
    completions: CompletionSender,
}

struct State<M> {
    messages: Vec<M>,
    /// The operator was told since it last looked.
    told: bool,
    closed: bool,
}

impl<M> Inbox<M> {
    /// An inbox of the operator that `completions` leads to.
    #[must_use]
    pub fn new(completions: CompletionSender) -> Self {
        let state = State { messages: Vec::new(), told: false, closed: false };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), completions }) }
    }

    /// The sending end.
    #[must_use]
    pub fn sender(&self) -> InboxSender<M> {
        InboxSender { shared: self.shared.clone() }
    }

    /// Takes all messages, in the order of their arrival. `into` is empty before; it lends its memory to the next burst.
    pub fn take(&self, into: &mut Vec<M>) {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.told = false;
        std::mem::swap(&mut state.messages, into);
    }

    /// Tells the operator again. For when it may have missed it: a host drops what comes while a stop is under way.
    pub fn remind(&self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).told = true;
        self.shared.completions.send(Box::new(Mail));
    }

    /// Drops what is there and whatever comes.
    pub fn close(&self) {
        let dropped = {
            let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.closed = true;
            std::mem::take(&mut state.messages)
        };
        drop(dropped);
    }
}

impl<M> InboxSender<M> {
    /// Puts a message in. Never blocks; after the inbox was closed, the message is dropped.
    pub fn send(&self, message: M) {
        let tell = {
            let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.closed {
                return;
            }
            state.messages.push(message);
            !std::mem::replace(&mut state.told, true)
        };
        if tell {
            self.shared.completions.send(Box::new(Mail));
        }
    }
}
