//! Panes on their way to and from snapshots.

use crate::data::Data;
use crate::error::Result;
use crate::functions::Key;
use crate::operator::window::pane::{PaneForm, PaneForms};
use crate::operator::window::timer_queue::{PaneId, Ticket};
use crate::operator::window::{Contents, Pane, PaneFunction, WindowOperator};
use crate::operator::{FrozenState, RestoredState};
use crate::state::FrozenPart;
use crate::time::TimeDomain;
use crate::window::{Trigger, WindowAssigner};

const PENDING: &str = "pending";
const WINDOWS: &str = "windows";

impl<T, K, A, G, C, F> WindowOperator<T, K, A, G, C, F>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    C: Contents<T, A::Window>,
    F: PaneFunction<C::Element, K, A::Window>,
{
    pub(super) fn freeze(&mut self) -> Result<Box<dyn FrozenState>> {
        let mut forms: PaneForms<K, A::Window, C::Kept, G::State, F::State> = Vec::new();
        for (_, key, panes) in self.table.iter() {
            forms.extend(panes.iter().map(|(window, pane)| PaneForm {
                key: key.clone(),
                window: window.clone(),
                number: pane.id,
                contents: pane.contents.clone(),
                trigger: pane.trigger.clone(),
                function: pane.function.clone(),
                timers: pane.timers.clone(),
                queued: pane.queued,
            }));
        }
        let windows: FrozenPart = Box::new(move |snapshot| snapshot.add(WINDOWS, forms, |form| &form.key));
        self.core.freeze(vec![self.pending.freeze(PENDING), windows])
    }

    pub(super) fn take_back(&mut self, state: RestoredState) -> Result {
        let snapshot = self.core.restore(state)?;
        self.pending.restore(snapshot, PENDING)?;
        let mut forms: PaneForms<K, A::Window, C::Kept, G::State, F::State> = snapshot.take(WINDOWS)?;
        // Numbered anew, as the entries of the queues: those of several subtasks may have the same numbers.
        forms.sort_by_key(|form| form.number);
        let (mut event_time, mut processing_time) = (Vec::new(), Vec::new());
        for mut form in forms {
            let mut pane = Pane::new(self.next_id);
            self.next_id += 1;
            let slot = self.table.slot_of(form.key);
            event_time.extend(form.queued.at(TimeDomain::EventTime).map(|ticket| (ticket, (slot, pane.id))));
            processing_time.extend(form.queued.at(TimeDomain::ProcessingTime).map(|ticket| (ticket, (slot, pane.id))));
            (pane.contents, pane.trigger, pane.function, pane.timers) =
                (form.contents, form.trigger, form.function, form.timers);
            if let Some((_, panes)) = self.table.get_mut(slot) {
                let position = panes.partition_point(|(other, _)| *other < form.window);
                panes.insert(position, (form.window, pane));
            }
        }
        for (domain, mut entries) in
            [(TimeDomain::EventTime, event_time), (TimeDomain::ProcessingTime, processing_time)]
        {
            entries.sort_by_key(|(ticket, _)| ticket.number);
            entries.into_iter().for_each(|(ticket, pane)| self.queue_again(domain, ticket, pane));
        }
        Ok(())
    }

    fn queue_again(&mut self, domain: TimeDomain, ticket: Ticket, id: PaneId) {
        let queue = match domain {
            TimeDomain::EventTime => &mut self.event_time,
            TimeDomain::ProcessingTime => &mut self.processing_time,
        };
        let (slot, number) = id;
        let Some((_, panes)) = self.table.get_mut(slot) else { return };
        if let Some((_, pane)) = panes.iter_mut().find(|(_, pane)| pane.id == number) {
            *pane.queued.at(domain) = Some(queue.push(ticket.time, id));
        }
    }
}
