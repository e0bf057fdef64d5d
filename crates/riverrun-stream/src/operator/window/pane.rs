//! One window of one key: [`Pane`].

use serde::{Deserialize, Serialize};

use crate::operator::window::timer_queue::Ticket;
use crate::time::TimeDomain;
use crate::window::PaneTimers;

/// What a key has of a window: contents `C`, the state `S` of the trigger, and the state `F` of the function.
pub(super) struct Pane<C, S, F> {
    pub(super) id: u64,
    /// Nothing once they were purged.
    pub(super) contents: Option<C>,
    pub(super) trigger: S,
    pub(super) function: Option<F>,
    pub(super) timers: PaneTimers,
    /// When the queues look at this pane: at its first timer, or before it.
    pub(super) queued: Queued,
}

/// The entries of a pane in the queues.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Queued {
    event_time: Option<Ticket>,
    processing_time: Option<Ticket>,
}

impl Queued {
    pub(super) fn at(&mut self, domain: TimeDomain) -> &mut Option<Ticket> {
        match domain {
            TimeDomain::EventTime => &mut self.event_time,
            TimeDomain::ProcessingTime => &mut self.processing_time,
        }
    }
}

impl<C, S: Default + PartialEq, F> Pane<C, S, F> {
    pub(super) fn new(id: u64) -> Self {
        let (contents, function, timers, queued) = (None, None, PaneTimers::default(), Queued::default());
        Self { id, contents, trigger: S::default(), function, timers, queued }
    }

    /// Whether it is as if it had never been.
    pub(super) fn is_forgotten(&self) -> bool {
        self.contents.is_none() && self.function.is_none() && self.timers.is_empty() && self.trigger == S::default()
    }
}

/// The persisted form of a pane.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PaneForm<K, W, C, S, F> {
    pub(super) key: K,
    pub(super) window: W,
    /// Keeps the order in which panes were made.
    pub(super) number: u64,
    pub(super) contents: Option<C>,
    pub(super) trigger: S,
    pub(super) function: Option<F>,
    pub(super) timers: PaneTimers,
    pub(super) queued: Queued,
}

/// Those of a subtask.
pub(super) type PaneForms<K, W, C, S, F> = Vec<PaneForm<K, W, C, S, F>>;
