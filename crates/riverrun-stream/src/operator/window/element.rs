//! A record on its way into its panes.

use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::Key;
use crate::operator::Turn;
use crate::operator::window::{Contents, Pane, PaneFunction, WindowOperator};
use crate::time::TimeDomain;
use crate::window::{Trigger, TriggerContext, TriggerResult, WindowAssigner};

impl<T, K, A, G, C, F> WindowOperator<T, K, A, G, C, F>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    C: Contents<T, A::Window>,
    F: PaneFunction<C::Element, K, A::Window>,
{
    /// Adds a record to its windows, and says whether anything may have been emitted.
    #[inline]
    pub(super) fn element(
        &mut self, key: K, record: StreamRecord<T>, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>,
    ) -> Result<bool> {
        let StreamRecord { value, timestamp } = record;
        let now = turn.now();
        self.assigned.clear();
        self.assigner.assign_windows(&value, timestamp, now, &mut self.assigned)?;
        let slot = self.table.slot_of(key);
        // The last window takes the value itself.
        let mut value = Some(value);
        let (mut is_skipped, mut emitted) = (true, false);
        for index in 0..self.assigned.len() {
            let is_last = index + 1 == self.assigned.len();
            let Some(window) = self.assigned.get(index).cloned() else { break };
            let place = if A::IS_MERGING { self.merged_place(slot, window, now)? } else { self.place(slot, window) };
            let Some(position) = place else { continue };
            is_skipped = false;
            let watermark = self.core.watermark();
            let Some((_, panes)) = self.table.get_mut(slot) else { break };
            let (Some((window, pane)), Some(shared)) = (panes.get_mut(position), value.as_ref()) else { break };
            let mut context = TriggerContext { watermark, now, timers: &mut pane.timers, has_set: false };
            let result = self.trigger.on_element(shared, timestamp, window, &mut pane.trigger, &mut context)?;
            let has_set = context.has_set;
            let owned = if is_last { value.take() } else { None };
            match (owned, &value) {
                (Some(owned), _) => self.contents.add_owned(&mut pane.contents, owned, timestamp)?,
                (None, Some(shared)) => self.contents.add(&mut pane.contents, shared, timestamp)?,
                (None, None) => {}
            }
            if has_set {
                self.schedule(slot, position);
            }
            if result != TriggerResult::Continue {
                emitted = true;
                self.act(slot, position, result, main, turn)?;
            }
        }
        if is_skipped {
            if let Some(value) = value.filter(|_| self.is_late(timestamp)) {
                emitted |= self.late.take(StreamRecord { value, timestamp }, turn)?;
            }
            self.forget_key(slot);
        }
        Ok(emitted)
    }

    /// Whether a record without a window is one that came too late, and not one that falls between windows.
    fn is_late(&self, timestamp: Option<Timestamp>) -> bool {
        let watermark = self.core.watermark();
        let over = |timestamp: Timestamp| timestamp.saturating_add(self.lateness) <= watermark;
        self.assigner.is_event_time() && watermark > Timestamp::MIN && timestamp.is_some_and(over)
    }

    /// Whether a window's results have been final for longer than the allowed lateness.
    pub(super) fn is_window_late(&self, window: &A::Window) -> bool {
        let watermark = self.core.watermark();
        self.assigner.is_event_time() && watermark > Timestamp::MIN && self.cleanup_time(window) <= watermark
    }

    /// Where the pane of a window is among those of its key; it is made if the window is not over.
    #[inline]
    fn place(&mut self, slot: usize, window: A::Window) -> Option<usize> {
        let (_, panes) = self.table.get_mut(slot)?;
        // Records come in about the order of their times.
        if panes.last().is_some_and(|(last, _)| *last == window) {
            return Some(panes.len() - 1);
        }
        match panes.binary_search_by(|(other, _)| other.cmp(&window)) {
            Ok(position) => Some(position),
            Err(_) if self.is_window_late(&window) => None,
            Err(position) => self.insert(slot, position, window),
        }
    }

    /// Makes a pane at this place, with the timer of its end.
    pub(super) fn insert(&mut self, slot: usize, position: usize, window: A::Window) -> Option<usize> {
        let mut pane = Pane::new(self.next_id);
        self.next_id += 1;
        let (domain, cleanup) = (self.domain(), self.cleanup_time(&window));
        if cleanup < Timestamp::MAX {
            pane.timers.register(domain, cleanup);
        }
        let (_, panes) = self.table.get_mut(slot)?;
        panes.insert(position, (window, pane));
        self.schedule(slot, position);
        Some(position)
    }

    /// Has the queues look at a pane in time for its first timers.
    pub(super) fn schedule(&mut self, slot: usize, position: usize) {
        let Some((_, panes)) = self.table.get_mut(slot) else { return };
        let Some((_, pane)) = panes.get_mut(position) else { return };
        for (domain, queue) in
            [(TimeDomain::EventTime, &mut self.event_time), (TimeDomain::ProcessingTime, &mut self.processing_time)]
        {
            let Some(first) = pane.timers.first(domain) else { continue };
            let queued = pane.queued.at(domain);
            if queued.is_none_or(|queued| first < queued.time) {
                *queued = Some(queue.push(first, (slot, pane.id)));
            }
        }
    }

    /// Forgets a key that has no window.
    pub(super) fn forget_key(&mut self, slot: usize) {
        if self.table.get_mut(slot).is_some_and(|(_, panes)| panes.is_empty()) {
            self.table.remove(slot);
        }
    }
}
