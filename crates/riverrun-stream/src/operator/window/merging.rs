//! Windows that become one, such as sessions.

use crate::data::Data;
use crate::element::Timestamp;
use crate::error::Result;
use crate::functions::Key;
use crate::operator::window::{Contents, PaneFunction, WindowOperator};
use crate::window::{Trigger, TriggerContext, WindowAssigner};

impl<T, K, A, G, C, F> WindowOperator<T, K, A, G, C, F>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    C: Contents<T, A::Window>,
    F: PaneFunction<C::Element, K, A::Window>,
{
    /// Where the pane of a window is after it was merged with those of its key; nothing if the window is over.
    pub(super) fn merged_place(&mut self, slot: usize, mut window: A::Window, now: Timestamp) -> Result<Option<usize>> {
        let Some((_, panes)) = self.table.get_mut(slot) else { return Ok(None) };
        // As a rule the record belongs to the last window, and changes nothing or its end.
        let place = panes.partition_point(|(other, _)| *other < window);
        let (mut low, mut high) = (place, place);
        loop {
            let before = low.checked_sub(1).and_then(|index| panes.get(index));
            if let Some(cover) = before.and_then(|(other, _)| self.assigner.merge(other, &window)) {
                (window, low) = (cover, low - 1);
            } else if let Some(cover) = panes.get(high).and_then(|(other, _)| self.assigner.merge(&window, other)) {
                (window, high) = (cover, high + 1);
            } else {
                break;
            }
        }
        if low == high {
            let is_late = self.is_window_late(&window);
            return Ok(if is_late { None } else { self.insert(slot, low, window) });
        }
        if high - low == 1 && panes.get(low).is_some_and(|(other, _)| *other == window) {
            return Ok(Some(low));
        }
        self.merge(slot, low, high, window, now)?;
        Ok(Some(low))
    }

    /// Makes one pane of several; it keeps the first one's place in the queues.
    fn merge(&mut self, slot: usize, low: usize, high: usize, window: A::Window, now: Timestamp) -> Result {
        let (domain, cleanup, watermark) = (self.domain(), self.cleanup_time(&window), self.core.watermark());
        let Some((_, panes)) = self.table.get_mut(slot) else { return Ok(()) };
        let mut states = Vec::new();
        let mut kept = Vec::new();
        for (_, later) in panes.drain(low + 1..high) {
            states.push(later.trigger);
            kept.extend(later.contents);
        }
        let Some((place, pane)) = panes.get_mut(low) else { return Ok(()) };
        *place = window;
        kept.into_iter().try_for_each(|later| self.contents.merge(&mut pane.contents, later))?;
        pane.timers.clear();
        if cleanup < Timestamp::MAX {
            pane.timers.register(domain, cleanup);
        }
        let mut context = TriggerContext { watermark, now, timers: &mut pane.timers, has_set: false };
        self.trigger.on_merge(place, &mut pane.trigger, states, &mut context)?;
        self.schedule(slot, low);
        Ok(())
    }
}
