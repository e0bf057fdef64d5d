//! The elements an operator has taken and not emitted, and the order in which they come out: [`InFlightQueue`].

use std::collections::VecDeque;

use crate::element::Timestamp;
use crate::operator::Turn;

/// Whether results come out in the order of their inputs. Same as Flink's `AsyncDataStream.OutputMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputMode {
    /// In the order of the inputs.
    Ordered,
    /// As soon as they are there. They may overtake each other, but never a watermark.
    Unordered,
}

/// An element of an [`InFlightQueue`]. It stays good after the element has left: then it stands for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    number: u64,
    place: usize,
}

/// What stands between records and is overtaken by none of them: the last watermark and the last status, where there were
/// several with no record between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marker {
    watermark: Option<Timestamp>,
    idle: Option<bool>,
}

impl Marker {
    /// Event time has come this far.
    #[must_use]
    pub fn watermark(watermark: Timestamp) -> Self {
        Self { watermark: Some(watermark), idle: None }
    }

    /// The stream is idle, or active again.
    #[must_use]
    pub fn idle(idle: bool) -> Self {
        Self { watermark: None, idle: Some(idle) }
    }

    fn then(self, later: Self) -> Self {
        Self { watermark: later.watermark.or(self.watermark), idle: later.idle.or(self.idle) }
    }

    /// Emits it.
    pub fn emit(self, turn: &mut Turn<'_>) {
        // A watermark counts for active streams only.
        if self.idle == Some(false) {
            turn.emit_idle(false);
        }
        if let Some(watermark) = self.watermark {
            turn.emit_watermark(watermark);
        }
        if self.idle == Some(true) {
            turn.emit_idle(true);
        }
    }
}

/// What comes out of an [`InFlightQueue`] next.
#[derive(Debug, PartialEq, Eq)]
pub enum Emission<T, R> {
    /// An element with its result.
    Element(T, R),
    /// All that was put in before it has come out.
    Marker(Marker),
}

enum Place<T, R> {
    Free,
    Waiting { number: u64, segment: u64, element: T },
    Done { number: u64, element: T, result: R },
}

enum Order {
    Ordered(VecDeque<InOrder>),
    Unordered {
        /// Never empty; the last has no end yet.
        segments: VecDeque<Segment>,
        /// The number of the first.
        first: u64,
    },
}

enum InOrder {
    Element(usize),
    Marker(Marker),
}

/// The elements between two markers.
#[derive(Default)]
struct Segment {
    /// How many have no result yet.
    waiting: usize,
    /// The places of those that have, in the order of their results.
    done: VecDeque<usize>,
    end: Option<Marker>,
}

impl Segment {
    fn is_empty(&self) -> bool {
        self.waiting == 0 && self.done.is_empty()
    }
}

/// Elements that wait for their results. It takes no more memory than the most elements that it ever held.
pub struct InFlightQueue<T, R> {
    places: Vec<Place<T, R>>,
    free: Vec<usize>,
    next_number: u64,
    order: Order,
}

impl<T, R> InFlightQueue<T, R> {
    /// An empty queue.
    #[must_use]
    pub fn new(mode: OutputMode) -> Self {
        let order = match mode {
            OutputMode::Ordered => Order::Ordered(VecDeque::new()),
            OutputMode::Unordered => Order::Unordered { segments: VecDeque::from([Segment::default()]), first: 0 },
        };
        Self { places: Vec::new(), free: Vec::new(), next_number: 0, order }
    }

    /// How many elements are in it, with and without results.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether nothing is in it, markers included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.order {
            Order::Ordered(order) => order.is_empty(),
            Order::Unordered { segments, .. } => segments.len() == 1 && segments.iter().all(Segment::is_empty),
        }
    }

    /// Whether an element that has its result already need not be put in: it may be emitted at once.
    #[must_use]
    pub fn may_be_passed(&self) -> bool {
        match &self.order {
            Order::Ordered(order) => order.is_empty(),
            Order::Unordered { segments, .. } => segments.len() == 1,
        }
    }

    /// Puts an element in.
    pub fn push(&mut self, element: T) -> Ticket {
        let number = self.next_number;
        self.next_number += 1;
        let segment = match &mut self.order {
            Order::Ordered(_) => 0,
            Order::Unordered { segments, first } => {
                if let Some(last) = segments.back_mut() {
                    last.waiting += 1;
                }
                *first + segments.len() as u64 - 1
            }
        };
        let waiting = Place::Waiting { number, segment, element };
        let place = match self.free.pop() {
            Some(place) => {
                self.places[place] = waiting;
                place
            }
            None => {
                self.places.push(waiting);
                self.places.len() - 1
            }
        };
        if let Order::Ordered(order) = &mut self.order {
            order.push_back(InOrder::Element(place));
        }
        Ticket { number, place }
    }

    /// Puts a marker behind all elements.
    pub fn mark(&mut self, marker: Marker) {
        match &mut self.order {
            Order::Ordered(order) => match order.back_mut() {
                Some(InOrder::Marker(last)) => *last = last.then(marker),
                _ => order.push_back(InOrder::Marker(marker)),
            },
            Order::Unordered { segments, .. } => {
                let closes_nothing = segments.back().is_some_and(Segment::is_empty);
                let before = segments.len().checked_sub(2).filter(|_| closes_nothing);
                match before.and_then(|index| segments.get_mut(index)).and_then(|segment| segment.end.as_mut()) {
                    Some(end) => *end = end.then(marker),
                    None => {
                        if let Some(last) = segments.back_mut() {
                            last.end = Some(marker);
                        }
                        segments.push_back(Segment::default());
                    }
                }
            }
        }
    }

    /// The element, while it waits for its result.
    #[must_use]
    pub fn waiting(&mut self, ticket: Ticket) -> Option<&mut T> {
        match self.places.get_mut(ticket.place) {
            Some(Place::Waiting { number, element, .. }) if *number == ticket.number => Some(element),
            _ => None,
        }
    }

    /// Whether the element waits for its result.
    #[must_use]
    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        matches!(self.places.get(ticket.place), Some(Place::Waiting { number, .. }) if *number == ticket.number)
    }

    /// Gives an element its result. Another one later is ignored, and says `false`.
    pub fn complete(&mut self, ticket: Ticket, result: R) -> bool {
        if !self.is_waiting(ticket) {
            return false;
        }
        let Some(place) = self.places.get_mut(ticket.place) else { return false };
        if let Place::Waiting { number, segment, element } = std::mem::replace(place, Place::Free) {
            *place = Place::Done { number, element, result };
            if let Order::Unordered { segments, first } = &mut self.order {
                let index = segment.checked_sub(*first).and_then(|index| usize::try_from(index).ok());
                if let Some(segment) = index.and_then(|index| segments.get_mut(index)) {
                    segment.waiting -= 1;
                    segment.done.push_back(ticket.place);
                }
            }
        }
        true
    }

    /// Takes out what may be emitted next.
    pub fn pop(&mut self) -> Option<Emission<T, R>> {
        let place = match &mut self.order {
            Order::Ordered(order) => match order.front()? {
                InOrder::Marker(marker) => {
                    let marker = *marker;
                    order.pop_front();
                    return Some(Emission::Marker(marker));
                }
                InOrder::Element(place) => {
                    let place = *place;
                    if !matches!(self.places.get(place), Some(Place::Done { .. })) {
                        return None;
                    }
                    order.pop_front();
                    place
                }
            },
            Order::Unordered { segments, first } => {
                let segment = segments.front_mut()?;
                match segment.done.pop_front() {
                    Some(place) => place,
                    None if segment.waiting > 0 => return None,
                    None => {
                        let marker = segment.end?;
                        segments.pop_front();
                        *first += 1;
                        return Some(Emission::Marker(marker));
                    }
                }
            }
        };
        match self.places.get_mut(place).map(|place| std::mem::replace(place, Place::Free)) {
            Some(Place::Done { element, result, .. }) => {
                self.free.push(place);
                Some(Emission::Element(element, result))
            }
            _ => None,
        }
    }

    /// The elements in the order in which they were put in.
    #[must_use]
    pub fn elements(&self) -> Vec<&T> {
        let mut elements: Vec<(u64, &T)> = self
            .places
            .iter()
            .filter_map(|place| match place {
                Place::Free => None,
                Place::Waiting { number, element, .. } | Place::Done { number, element, .. } => {
                    Some((*number, element))
                }
            })
            .collect();
        elements.sort_unstable_by_key(|(number, _)| *number);
        elements.into_iter().map(|(_, element)| element).collect()
    }

    /// Takes everything out and drops it.
    pub fn clear(&mut self) {
        let mode = match self.order {
            Order::Ordered(_) => OutputMode::Ordered,
            Order::Unordered { .. } => OutputMode::Unordered,
        };
        let next_number = self.next_number;
        // Numbers go on, so that no old ticket stands for a new element.
        *self = Self { next_number, ..Self::new(mode) };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(queue: &mut InFlightQueue<u32, u32>) -> Vec<String> {
        std::iter::from_fn(|| queue.pop())
            .map(|emission| match emission {
                Emission::Element(element, result) => format!("{element}={result}"),
                Emission::Marker(Marker { watermark, idle }) => format!("{watermark:?} {idle:?}"),
            })
            .collect()
    }

    #[test]
    fn an_ordered_queue_gives_results_in_the_order_of_their_inputs() {
        let mut queue = InFlightQueue::new(OutputMode::Ordered);
        let (first, second) = (queue.push(1), queue.push(2));

        assert!(queue.complete(second, 20));
        assert_eq!(drain(&mut queue), Vec::<String>::new());
        assert!(queue.complete(first, 10));
        assert_eq!(drain(&mut queue), ["1=10", "2=20"]);
        assert!(queue.is_empty());
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn results_overtake_each_other_but_never_a_watermark() {
        let mut queue = InFlightQueue::new(OutputMode::Unordered);
        let (first, second) = (queue.push(1), queue.push(2));
        queue.mark(Marker::watermark(5));
        let third = queue.push(3);

        queue.complete(third, 30);
        queue.complete(second, 20);
        assert_eq!(drain(&mut queue), ["2=20"]);
        queue.complete(first, 10);
        assert_eq!(drain(&mut queue), ["1=10", "Some(5) None", "3=30"]);
        assert!(queue.is_empty());
    }

    /// FLINK-29038.
    #[test]
    fn completing_twice_is_ignored_also_when_the_place_has_a_new_element() {
        for mode in [OutputMode::Ordered, OutputMode::Unordered] {
            let mut queue = InFlightQueue::new(mode);
            let old = queue.push(1);

            assert!(queue.complete(old, 10));
            assert!(!queue.complete(old, 11));
            assert_eq!(drain(&mut queue), ["1=10"]);
            let new = queue.push(2);
            assert!(!queue.complete(old, 12), "its place is taken by another");
            assert!(queue.complete(new, 20));
            assert_eq!(drain(&mut queue), ["2=20"]);
        }
    }

    #[test]
    fn markers_with_nothing_between_them_take_the_room_of_one() {
        for mode in [OutputMode::Ordered, OutputMode::Unordered] {
            let mut queue = InFlightQueue::new(mode);
            let ticket = queue.push(1);
            for watermark in 0..1000 {
                queue.mark(Marker::watermark(watermark));
            }
            queue.mark(Marker::idle(true));
            queue.complete(ticket, 10);

            assert_eq!(drain(&mut queue), ["1=10", "Some(999) Some(true)"]);
        }
    }

    #[test]
    fn a_slow_element_at_the_front_does_not_make_an_unordered_queue_grow() {
        let mut queue = InFlightQueue::new(OutputMode::Unordered);
        queue.push(0);
        for element in 1..10_000 {
            let ticket = queue.push(element);
            queue.complete(ticket, element);
            assert!(queue.pop().is_some());
        }

        assert_eq!((queue.len(), queue.places.len()), (1, 2));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push,
        Mark,
        /// Completes one of those that wait.
        Complete(prop::sample::Index),
        Pop,
    }

    proptest! {
        /// Reference: an element may come out once everything before the last marker in front of it (in order: everything
        /// in front of it) has.
        #[test]
        fn nothing_is_lost_and_no_order_is_broken(ordered in any::<bool>(), steps in prop::collection::vec(prop_oneof![
            3 => Just(Step::Push), 1 => Just(Step::Mark), 3 => any::<prop::sample::Index>().prop_map(Step::Complete), 3 => Just(Step::Pop),
        ], 0..200)) {
            let mut queue = InFlightQueue::new(if ordered { OutputMode::Ordered } else { OutputMode::Unordered });
            // What was put in and is not out: an element's number, or a marker's time.
            let mut inside: Vec<Result<u32, i64>> = Vec::new();
            let mut waiting: Vec<(u32, Ticket)> = Vec::new();
            let mut clock = 0;
            let check = |queue: &mut InFlightQueue<u32, u32>, inside: &mut Vec<Result<u32, i64>>| {
                match queue.pop() {
                    Some(Emission::Element(element, result)) => {
                        assert_eq!(element, result);
                        let at = inside.iter().position(|item| *item == Ok(element)).expect("it was inside, once");
                        let before = &inside[..at];
                        assert!(before.iter().all(Result::is_ok), "{element} overtook a marker");
                        assert!(!ordered || before.is_empty(), "{element} overtook another");
                        inside.drain(at..=at);
                        true
                    }
                    Some(Emission::Marker(marker)) => {
                        let at = inside.iter().position(|item| *item == Err(marker.watermark.unwrap())).expect("it was inside");
                        assert!(inside[..at].iter().all(Result::is_err), "the marker overtook an element");
                        inside.drain(..=at);
                        true
                    }
                    None => false,
                }
            };
            for (number, step) in steps.into_iter().enumerate() {
                let number = number as u32;
                match step {
                    Step::Push => {
                        waiting.push((number, queue.push(number)));
                        inside.push(Ok(number));
                    }
                    Step::Mark => {
                        clock += 1;
                        queue.mark(Marker::watermark(clock));
                        inside.push(Err(clock));
                    }
                    Step::Complete(index) if !waiting.is_empty() => {
                        let (element, ticket) = waiting.swap_remove(index.index(waiting.len()));
                        prop_assert!(queue.complete(ticket, element));
                    }
                    Step::Complete(_) => {}
                    Step::Pop => {
                        check(&mut queue, &mut inside);
                    }
                }
                let elements: Vec<u32> = queue.elements().into_iter().copied().collect();
                prop_assert_eq!(elements, inside.iter().filter_map(|item| item.ok()).collect::<Vec<_>>());
            }
            for (element, ticket) in waiting {
                prop_assert!(queue.complete(ticket, element));
            }
            while check(&mut queue, &mut inside) {}
            prop_assert!(inside.is_empty() && queue.is_empty());
        }
    }
}
