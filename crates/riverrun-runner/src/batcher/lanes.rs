//! What waits, in the order in which it is served.

use std::collections::VecDeque;

use super::item::Item;
use crate::request::Priority;
use crate::runnable::Runnable;

/// One queue per priority, each first in, first out; together in the order of [`Item::due`].
pub(crate) struct Lanes<R: Runnable> {
    lanes: [VecDeque<Item<R>>; Priority::ALL],
}

impl<R: Runnable> Lanes<R> {
    pub(crate) fn new() -> Self {
        Self { lanes: std::array::from_fn(|_| VecDeque::new()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    pub(crate) fn push(&mut self, item: Item<R>) {
        if let Some(lane) = self.lanes.get_mut(item.priority.lane()) {
            lane.push_back(item);
        }
    }

    /// Puts an item back before all others of its priority.
    pub(crate) fn push_front(&mut self, item: Item<R>) {
        if let Some(lane) = self.lanes.get_mut(item.priority.lane()) {
            lane.push_front(item);
        }
    }

    /// Takes out the item whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<Item<R>> {
        // Of two that are due at once the one of the higher priority, whose lane comes first.
        let next = self.lanes.iter_mut().filter(|lane| !lane.is_empty()).min_by_key(|lane| lane.front().map(Item::due));
        next?.pop_front()
    }
}
