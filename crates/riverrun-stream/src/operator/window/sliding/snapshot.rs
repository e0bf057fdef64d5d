//! Slices on their way to and from snapshots.

use serde::{Deserialize, Serialize};

use crate::data::Data;
use crate::error::Result;
use crate::functions::Key;
use crate::operator::window::MergeableContents;
use crate::operator::window::sliding::{Part, SlidingOperator};
use crate::operator::window::timer_queue::Ticket;
use crate::operator::{FrozenState, RestoredState};
use crate::state::FrozenPart;

const PENDING: &str = "pending";
const SLICES: &str = "slices";

/// A beginning in 128 bits, which not every format has.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Start {
    high: i64,
    low: u64,
}

impl From<i128> for Start {
    fn from(start: i128) -> Self {
        Self { high: (start >> 64) as i64, low: start as u64 }
    }
}

impl From<Start> for i128 {
    fn from(start: Start) -> Self {
        (i128::from(start.high) << 64) | i128::from(start.low)
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct SliceForm<C> {
    start: Start,
    /// Keeps the order in which slices got their first records.
    number: u64,
    kept: Option<C>,
}

/// What a key has.
#[derive(Clone, Serialize, Deserialize)]
struct SlicesForm<K, C> {
    key: K,
    slices: Vec<SliceForm<C>>,
    next: Option<Start>,
    ticket: Option<Ticket>,
}

impl<T, K, C> SlidingOperator<T, K, C>
where
    T: Data,
    K: Key,
    C: MergeableContents<T>,
    C::Element: Data,
{
    pub(super) fn freeze(&mut self) -> Result<Box<dyn FrozenState>> {
        let form = |(start, part): &(i128, Part<C::Kept>)| SliceForm {
            start: (*start).into(),
            number: part.first,
            kept: part.kept.clone(),
        };
        let forms: Vec<SlicesForm<K, C::Kept>> = self
            .table
            .iter()
            .map(|(_, key, slices)| SlicesForm {
                key: key.clone(),
                slices: slices.slices.iter().map(form).collect(),
                next: slices.next.map(Start::from),
                ticket: slices.ticket,
            })
            .collect();
        let slices: FrozenPart = Box::new(move |snapshot| snapshot.add(SLICES, forms, |form| &form.key));
        self.core.freeze(vec![self.pending.freeze(PENDING), slices])
    }

    pub(super) fn take_back(&mut self, state: RestoredState) -> Result {
        let snapshot = self.core.restore(state)?;
        self.pending.restore(snapshot, PENDING)?;
        let mut forms: Vec<SlicesForm<K, C::Kept>> = snapshot.take(SLICES)?;
        // Queued anew: entries of several subtasks may have the same numbers.
        forms.sort_by_key(|form| form.ticket.map(|ticket| ticket.number));
        for form in forms {
            let slot = self.table.slot_of(form.key);
            let ticket = form.ticket.map(|ticket| self.queue.push(ticket.time, (slot, 0)));
            let Some((_, slices)) = self.table.get_mut(slot) else { continue };
            (slices.next, slices.ticket) = (form.next.map(i128::from), ticket);
            for slice in form.slices {
                self.next_number = self.next_number.max(slice.number + 1);
                slices.slices.push_back((slice.start.into(), Part { first: slice.number, kept: slice.kept }));
            }
        }
        Ok(())
    }
}
