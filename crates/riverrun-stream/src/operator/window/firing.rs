//! Timers, and what comes of them.

use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::{Collector, Key, ProcessWindowContext};
use crate::operator::Turn;
use crate::operator::window::timer_queue::{PaneId, Ticket};
use crate::operator::window::{Contents, PaneFunction, WindowOperator, is_full};
use crate::state::KeyedStateBackend;
use crate::time::TimeDomain;
use crate::window::{Trigger, TriggerContext, TriggerResult, Window, WindowAssigner};

impl<T, K, A, G, C, F> WindowOperator<T, K, A, G, C, F>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    C: Contents<T, A::Window>,
    F: PaneFunction<C::Element, K, A::Window>,
{
    /// An entry of a queue has come up.
    pub(super) fn timer(
        &mut self, domain: TimeDomain, ticket: Ticket, pane: PaneId, main: &mut Vec<StreamRecord<F::Out>>,
        turn: &mut Turn<'_>,
    ) -> Result {
        let (slot, id) = pane;
        let Some(position) = self.position(slot, id) else { return Ok(()) };
        let Some((_, panes)) = self.table.get_mut(slot) else { return Ok(()) };
        let Some((_, found)) = panes.get_mut(position) else { return Ok(()) };
        if found.queued.at(domain).take_if(|queued| *queued == ticket).is_none() {
            return Ok(());
        }
        self.timer_of(domain, ticket.time, pane, main, turn)
    }

    /// A pane's timer fires, if it is set.
    pub(super) fn timer_of(
        &mut self, domain: TimeDomain, time: Timestamp, (slot, id): PaneId, main: &mut Vec<StreamRecord<F::Out>>,
        turn: &mut Turn<'_>,
    ) -> Result {
        let Some(position) = self.position(slot, id) else { return Ok(()) };
        let watermark = self.core.watermark();
        let Some((_, panes)) = self.table.get_mut(slot) else { return Ok(()) };
        let Some((window, pane)) = panes.get_mut(position) else { return Ok(()) };
        if pane.timers.remove(domain, time) {
            let mut context = TriggerContext { watermark, now: turn.now(), timers: &mut pane.timers, has_set: false };
            let result = match domain {
                TimeDomain::EventTime => self.trigger.on_event_time(time, window, &mut pane.trigger, &mut context)?,
                TimeDomain::ProcessingTime => {
                    self.trigger.on_processing_time(time, window, &mut pane.trigger, &mut context)?
                }
            };
            let window = window.clone();
            if result.is_fire() {
                self.fire(slot, position, main, turn)?;
            }
            if domain == self.domain() && time == self.cleanup_time(&window) {
                return self.clear(slot, position, turn);
            }
            if result.is_purge() {
                self.purge(slot, position);
            }
        }
        if let Some(position) = self.position(slot, id) {
            self.schedule(slot, position);
        }
        Ok(())
    }

    fn position(&mut self, slot: usize, id: u64) -> Option<usize> {
        self.table.get_mut(slot)?.1.iter().position(|(_, pane)| pane.id == id)
    }

    /// Does what the trigger said of an element's window.
    pub(super) fn act(
        &mut self, slot: usize, position: usize, result: TriggerResult, main: &mut Vec<StreamRecord<F::Out>>,
        turn: &mut Turn<'_>,
    ) -> Result {
        if result.is_fire() {
            self.fire(slot, position, main, turn)?;
        }
        if result.is_purge() {
            self.purge(slot, position);
        }
        Ok(())
    }

    fn fire(
        &mut self, slot: usize, position: usize, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>,
    ) -> Result {
        let watermark = self.core.watermark();
        let Some((key, panes)) = self.table.get_mut(slot) else { return Ok(()) };
        let Some((window, pane)) = panes.get_mut(position) else { return Ok(()) };
        let Some(kept) = &mut pane.contents else { return Ok(()) };
        if self.has_states {
            self.core.backend.set_current_key(key, turn.now());
        }
        let timestamp = window.max_timestamp();
        let mut context = ProcessWindowContext {
            turn,
            window,
            timestamp,
            watermark,
            states: self.core.backend.states(),
            window_state: &mut pane.function,
            is_merging: A::IS_MERGING,
        };
        let mut out = Collector::new(main, Some(timestamp));
        self.contents.fire(kept, &mut self.function, key, &mut context, &mut out)
    }

    fn purge(&mut self, slot: usize, position: usize) {
        let Some((_, panes)) = self.table.get_mut(slot) else { return };
        let Some((_, pane)) = panes.get_mut(position) else { return };
        pane.contents = None;
        if pane.is_forgotten() {
            panes.remove(position);
            self.forget_key(slot);
        }
    }

    /// The window is over.
    fn clear(&mut self, slot: usize, position: usize, turn: &mut Turn<'_>) -> Result {
        let watermark = self.core.watermark();
        let Some((key, panes)) = self.table.get_mut(slot) else { return Ok(()) };
        if position >= panes.len() {
            return Ok(());
        }
        let (window, mut pane) = panes.remove(position);
        let mut context = TriggerContext { watermark, now: turn.now(), timers: &mut pane.timers, has_set: false };
        self.trigger.clear(&window, &mut pane.trigger, &mut context)?;
        if self.has_states {
            self.core.backend.set_current_key(key, turn.now());
        }
        let mut context = ProcessWindowContext {
            turn,
            window: &window,
            timestamp: window.max_timestamp(),
            watermark,
            states: self.core.backend.states(),
            window_state: &mut pane.function,
            is_merging: A::IS_MERGING,
        };
        self.function.clear(&mut context)?;
        self.forget_key(slot);
        Ok(())
    }

    /// Fires the processing-time timers whose time is over.
    pub(super) fn overdue(&mut self, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>) -> Result {
        while !is_full(main, turn)
            && let Some((ticket, pane)) = self.processing_time.pop(turn.now().saturating_sub(1))
        {
            self.timer(TimeDomain::ProcessingTime, ticket, pane, main, turn)?;
        }
        Ok(())
    }

    /// The input has ended: the processing-time timers that are set now fire, those that they set do not.
    pub(super) fn finish_processing_time(&mut self) {
        if self.finishing.is_some() {
            return;
        }
        let mut timers: Vec<(Timestamp, PaneId)> = self
            .table
            .iter()
            .flat_map(|(slot, _, panes)| {
                panes.iter().flat_map(move |(_, pane)| {
                    pane.timers.processing_time().iter().map(move |&time| (time, (slot, pane.id)))
                })
            })
            .collect();
        timers.sort_unstable_by_key(|&(time, (_, id))| (time, id));
        self.finishing = Some(timers.into());
    }
}
