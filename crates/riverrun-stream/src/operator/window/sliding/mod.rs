//! Sliding windows that share work: [`SlidingOperator`].

mod layout;
mod slices;
mod snapshot;

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::{FunctionError, Result};
use crate::functions::{Key, KeyExtractor};
use crate::operator::keyed::{KeyedCore, Pending};
use crate::operator::window::key_table::KeyTable;
use crate::operator::window::timer_queue::{Ticket, TimerQueue};
use crate::operator::window::{LateRecords, MergeableContents, TIMERS_PER_TURN, is_full};
use crate::operator::{FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, Turn};
use crate::window::Slides;

use layout::{Layout, Place};
use slices::{Part, Slices};

/// Sliding windows of event time under the default trigger, of contents that can be merged in any order: as the
/// [`WindowOperator`](super::WindowOperator) would do it, record for record, but a record goes into one slice whatever the number
/// of its windows ("panes").
pub(crate) struct SlidingOperator<T, K, C>
where
    C: MergeableContents<T>,
{
    contents: C,
    keys: KeyExtractor<T, K>,
    layout: Layout,
    lateness: Timestamp,
    late: LateRecords<T>,
    table: KeyTable<K, Slices<C::Kept>>,
    queue: TimerQueue,
    next_number: u64,
    /// Where the last record was: the next is often in the same slice.
    place: Place,
    core: KeyedCore<K, ()>,
    pending: Pending<K, T>,
    /// Reused from batch to batch.
    extracted: Vec<K>,
}

impl<T, K, C> SlidingOperator<T, K, C>
where
    T: Data,
    K: Key,
    C: MergeableContents<T>,
    C::Element: Data,
{
    pub(crate) fn new(
        keys: KeyExtractor<T, K>, slides: Slides, lateness: Timestamp, late: LateRecords<T>, contents: C,
    ) -> Self {
        Self {
            contents,
            keys,
            layout: Layout::new(slides, lateness),
            lateness,
            late,
            table: KeyTable::default(),
            queue: TimerQueue::default(),
            next_number: 0,
            place: Place::NOWHERE,
            core: KeyedCore::default(),
            pending: Pending::default(),
            extracted: Vec::new(),
        }
    }

    /// Adds a record to its slice, and says whether anything may have been emitted.
    #[inline]
    fn element(
        &mut self, key: K, record: StreamRecord<T>, main: &mut Vec<StreamRecord<C::Element>>, turn: &mut Turn<'_>,
    ) -> Result<bool> {
        let Some(timestamp) = record.timestamp else {
            return Err(FunctionError::new(
                "`SlidingEventTimeWindows` got a record without a timestamp; call `assign_timestamps_and_watermarks` before the window, or use windows of processing time",
            ));
        };
        if !self.place.contains(timestamp) {
            self.place = self.layout.place(timestamp);
        }
        let place = self.place;
        let watermark = self.core.watermark();
        let has_watermark = watermark > Timestamp::MIN;
        if has_watermark && place.expiry <= watermark {
            return self.late.take(record, turn);
        }
        let slot = self.table.slot_of(key);
        let Some((_, slices)) = self.table.get_mut(slot) else { return Ok(false) };
        let Some((part, is_new)) = slices.slice(place.start, self.next_number) else { return Ok(false) };
        self.contents.add_owned(&mut part.kept, record.value, Some(timestamp))?;
        if is_new {
            self.next_number += 1;
            if let Some(open) = self.layout.first_open(&place, watermark)
                && slices.next.is_none_or(|next| open < next)
            {
                slices.next = Some(open);
            }
            self.schedule(slot);
        }
        if self.lateness > 0 && has_watermark && place.first_end <= watermark {
            self.fire_again(slot, &place, main)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// A record has come into windows that have fired: those that are not over fire once more, the last first.
    fn fire_again(&mut self, slot: usize, place: &Place, main: &mut Vec<StreamRecord<C::Element>>) -> Result {
        let watermark = self.core.watermark();
        let Some((_, slices)) = self.table.get_mut(slot) else { return Ok(()) };
        let mut window = place.last_window;
        while window >= place.first_window {
            let end = self.layout.max_timestamp(window);
            if end.saturating_add(self.lateness) <= watermark {
                break;
            }
            if end <= watermark {
                let contents = &mut self.contents;
                let sum =
                    slices.any_window(window, self.layout.end(window), |into, from| contents.merge(into, from))?;
                emit(contents, sum, end, main)?;
            }
            window -= self.layout.slide();
        }
        Ok(())
    }

    /// Has the queue look at a key when its next window ends or its first slice expires.
    fn schedule(&mut self, slot: usize) {
        let Some((_, slices)) = self.table.get_mut(slot) else { return };
        let end = slices.next.map(|window| self.layout.max_timestamp(window));
        // Without lateness the first slice is in the next window, and expires no sooner.
        let first = slices.slices.front().filter(|_| end.is_none() || self.lateness > 0);
        let expiry = first.map(|(start, _)| self.layout.place_of(*start).expiry);
        // What never expires is dropped with the operator.
        let expiry = expiry.filter(|expiry| *expiry < Timestamp::MAX);
        let Some(time) = end.into_iter().chain(expiry).min() else { return };
        if slices.ticket.is_none_or(|ticket| time < ticket.time) {
            slices.ticket = Some(self.queue.push(time, (slot, 0)));
        }
    }

    /// A key has come up: fires its next window if that has ended, and drops what has expired.
    fn due(&mut self, ticket: Ticket, slot: usize, main: &mut Vec<StreamRecord<C::Element>>) -> Result {
        let watermark = self.core.watermark();
        let Some((_, slices)) = self.table.get_mut(slot) else { return Ok(()) };
        if slices.ticket.take_if(|own| *own == ticket).is_none() {
            return Ok(());
        }
        if let Some(window) = slices.next.filter(|window| self.layout.max_timestamp(*window) <= watermark) {
            let contents = &mut self.contents;
            let sum = slices.window(window, self.layout.end(window), |into, from| contents.merge(into, from))?;
            emit(contents, sum, self.layout.max_timestamp(window), main)?;
            let following = window + self.layout.slide();
            slices.next = slices.first_from(following).map(|start| {
                // The one behind this has a slice of this one as a rule; it may lie in a window far behind it.
                following.max(self.layout.place_of(start).first_window)
            });
        }
        while let Some((start, _)) = slices.slices.front()
            && slices.next.is_none_or(|next| *start < next)
            && (self.lateness == 0 || self.layout.place_of(*start).expiry <= watermark)
        {
            slices.slices.pop_front();
        }
        if slices.slices.is_empty() {
            self.table.remove(slot);
        } else {
            self.schedule(slot);
        }
        Ok(())
    }

    fn drive(&mut self, main: &mut Vec<StreamRecord<C::Element>>, turn: &mut Turn<'_>) -> Result<Readiness> {
        for _ in 0..TIMERS_PER_TURN {
            if is_full(main, turn) {
                break;
            }
            if let Some((key, record)) = self.pending.0.pop_front() {
                self.element(key, record, main, turn)?;
                continue;
            }
            if !self.core.is_firing() {
                return Ok(Readiness::Ready);
            }
            match self.queue.pop(self.core.watermark()) {
                Some((ticket, (slot, _))) => self.due(ticket, slot, main)?,
                None => self.core.fired(),
            }
        }
        Ok(Readiness::Busy)
    }

    fn advance(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let mut main = std::mem::take(turn.output::<C::Element>(0)?);
        let outcome = self.drive(&mut main, turn);
        *turn.output::<C::Element>(0)? = main;
        let readiness = outcome?;
        if readiness == Readiness::Busy {
            turn.wake_now();
        } else {
            self.core.announce(turn);
            turn.wake_at(None);
        }
        Ok(readiness)
    }
}

fn emit<T, C: MergeableContents<T>>(
    contents: &mut C, window: Option<Part<C::Kept>>, end: Timestamp, main: &mut Vec<StreamRecord<C::Element>>,
) -> Result {
    if let Some(kept) = window.and_then(|part| part.kept) {
        main.push(StreamRecord::at(contents.result(kept)?, end));
    }
    Ok(())
}

impl<T, K, C> Operator for SlidingOperator<T, K, C>
where
    T: Data,
    K: Key,
    C: MergeableContents<T>,
    C::Element: Data,
{
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<T>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        let mut ports = vec![(String::new(), DataType::of::<C::Element>())];
        ports.extend(self.late.port());
        ports
    }

    fn restore(&mut self, state: RestoredState) -> Result {
        self.take_back(state)
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        self.late.open(context, turn)?;
        let contents = &mut self.contents;
        self.core.open(context, turn, |context| contents.open(context))
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        let records = batch.into_records::<T>()?;
        let mut keys = std::mem::take(&mut self.extracted);
        self.keys.extract(&records, &mut keys)?;
        let mut main = std::mem::take(turn.output::<C::Element>(0)?);
        let mut arrived = keys.drain(..).zip(records);
        let mut outcome = Ok(());
        for (key, record) in arrived.by_ref() {
            match self.element(key, record, &mut main, turn) {
                Ok(emitted) if emitted && is_full(&main, turn) => break,
                Ok(_) => {}
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        self.pending.0.extend(arrived);
        self.extracted = keys;
        *turn.output::<C::Element>(0)? = main;
        outcome?;
        if self.pending.0.is_empty() { Ok(Readiness::Ready) } else { self.advance(turn) }
    }

    fn watermark(&mut self, _: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.core.advance(watermark);
        self.advance(turn)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.advance(turn)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        self.freeze()
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.advance(turn)
    }

    fn close(&mut self) -> Result {
        self.contents.close()
    }
}
