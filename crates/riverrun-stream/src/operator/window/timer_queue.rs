//! When which pane is to be looked at: [`TimerQueue`].

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::element::Timestamp;

/// A pane, by the slot of its key and its own number.
pub(super) type PaneId = (usize, u64);

/// An entry of a queue. A pane keeps its own: an entry whose pane is gone, or keeps another, is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) time: Timestamp,
    /// Entries of one time come up in the order of these.
    pub(super) number: u64,
}

/// Panes in the order of their first timers. The timers themselves are the panes'; an entry may come up before its pane has a
/// timer that is due, and the pane is queued again then. So a session that grows with every element costs no queueing.
#[derive(Default)]
pub(super) struct TimerQueue {
    /// Windows of many keys end together, so what is due at one time is one list.
    due: BTreeMap<Timestamp, VecDeque<(u64, PaneId)>>,
    next_number: u64,
}

impl TimerQueue {
    pub(super) fn push(&mut self, time: Timestamp, pane: PaneId) -> Ticket {
        let number = self.next_number;
        self.next_number += 1;
        self.due.entry(time).or_default().push_back((number, pane));
        Ticket { time, number }
    }

    /// Takes out the first entry at or before `bound`.
    pub(super) fn pop(&mut self, bound: Timestamp) -> Option<(Ticket, PaneId)> {
        let mut first = self.due.first_entry().filter(|first| *first.key() <= bound)?;
        let time = *first.key();
        let entry = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        let (number, pane) = entry?;
        Some((Ticket { time, number }, pane))
    }

    pub(super) fn first(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|(time, _)| *time)
    }
}
