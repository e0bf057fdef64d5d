//! What a key has in sliding windows that share work: [`Slices`].

use std::collections::VecDeque;

use crate::error::Result;
use crate::operator::window::timer_queue::Ticket;

/// What several records came to: a slice's, or those of several slices.
#[derive(Debug, Clone)]
pub(super) struct Part<C> {
    /// Grows with the arrival of the first record: fields that nobody sums are those of the first record of a window, which need
    /// not be in its first slice.
    pub(super) first: u64,
    pub(super) kept: Option<C>,
}

impl<C: Clone> Part<C> {
    fn absorb(&mut self, other: &Self, merge: &mut impl FnMut(&mut Option<C>, C) -> Result) -> Result {
        let later = if other.first < self.first { std::mem::replace(self, other.clone()) } else { other.clone() };
        match later.kept {
            Some(kept) => merge(&mut self.kept, kept),
            None => Ok(()),
        }
    }
}

/// The slices of a key that have records, and sums over runs of them.
///
/// A window is the sum of a suffix of the slices before a point and of all from there to its end. The suffixes are summed once, when
/// the point is set; as windows move on, suffixes are dropped and slices added, so a window costs about one addition whatever its
/// size ("two stacks").
#[derive(Debug)]
pub(super) struct Slices<C> {
    pub(super) slices: VecDeque<(i128, Part<C>)>,
    /// Where the first window begins that has not fired.
    pub(super) next: Option<i128>,
    /// The entry in the queue.
    pub(super) ticket: Option<Ticket>,
    /// Sums from each slice up to the point; the longest is the last.
    suffixes: Vec<(i128, Part<C>)>,
    point: i128,
    /// The sum from the point up to `summed`.
    sum: Option<Part<C>>,
    summed: i128,
}

impl<C> Default for Slices<C> {
    fn default() -> Self {
        let (slices, suffixes) = (VecDeque::new(), Vec::new());
        Self { slices, next: None, ticket: None, suffixes, point: i128::MIN, sum: None, summed: i128::MIN }
    }
}

impl<C: Clone> Slices<C> {
    /// The slice that begins at `start`, and whether it is new; `number` is for a new one.
    #[inline]
    pub(super) fn slice(&mut self, start: i128, number: u64) -> Option<(&mut Part<C>, bool)> {
        if start < self.summed {
            // It is in sums already: they are made anew when they are next needed.
            self.suffixes.clear();
            (self.sum, self.point, self.summed) = (None, i128::MIN, i128::MIN);
        }
        let last = self.slices.len().wrapping_sub(1);
        let (position, is_new) = match self.slices.back() {
            Some((back, _)) if *back == start => (last, false),
            Some((back, _)) if *back < start => (last + 1, true),
            _ => match self.slices.binary_search_by(|(other, _)| other.cmp(&start)) {
                Ok(position) => (position, false),
                Err(position) => (position, true),
            },
        };
        if is_new {
            self.slices.insert(position, (start, Part { first: number, kept: None }));
        }
        self.slices.get_mut(position).map(|(_, part)| (part, is_new))
    }

    /// The slices that begin from `from` on and before `to`.
    fn run(&self, from: i128, to: i128) -> impl DoubleEndedIterator<Item = &(i128, Part<C>)> {
        let low = self.slices.partition_point(|(start, _)| *start < from);
        let high = self.slices.partition_point(|(start, _)| *start < to);
        self.slices.range(low..high.max(low))
    }

    /// The sum of the window from `start` to `end`, where windows are asked for in order.
    pub(super) fn window(
        &mut self, start: i128, end: i128, mut merge: impl FnMut(&mut Option<C>, C) -> Result,
    ) -> Result<Option<Part<C>>> {
        while self.suffixes.pop_if(|(suffix, _)| *suffix < start).is_some() {}
        if self.suffixes.is_empty() && self.point < start {
            // What was added since the point leaves the window: the next point is its end.
            let mut suffixes: Vec<(i128, Part<C>)> = Vec::new();
            for (slice, part) in self.run(start, end).rev() {
                let mut suffix = part.clone();
                if let Some((_, later)) = suffixes.last() {
                    suffix.absorb(later, &mut merge)?;
                }
                suffixes.push((*slice, suffix));
            }
            self.suffixes = suffixes;
            (self.point, self.summed, self.sum) = (end, end, None);
        } else if self.summed < end {
            let mut sum = self.sum.take();
            for (_, part) in self.run(self.summed, end) {
                match &mut sum {
                    Some(sum) => sum.absorb(part, &mut merge)?,
                    None => sum = Some(part.clone()),
                }
            }
            (self.sum, self.summed) = (sum, end);
        }
        let mut window = self.suffixes.last().map(|(_, suffix)| suffix.clone());
        match (&mut window, &self.sum) {
            (Some(window), Some(sum)) => window.absorb(sum, &mut merge)?,
            (window @ None, sum) => *window = sum.clone(),
            (Some(_), None) => {}
        }
        Ok(window)
    }

    /// The sum of any window, slice by slice.
    pub(super) fn any_window(
        &self, start: i128, end: i128, mut merge: impl FnMut(&mut Option<C>, C) -> Result,
    ) -> Result<Option<Part<C>>> {
        let mut window: Option<Part<C>> = None;
        for (_, part) in self.run(start, end) {
            match &mut window {
                Some(window) => window.absorb(part, &mut merge)?,
                None => window = Some(part.clone()),
            }
        }
        Ok(window)
    }

    /// Where the first slice begins that begins at `from` or behind it.
    pub(super) fn first_from(&self, from: i128) -> Option<i128> {
        let position = self.slices.partition_point(|(start, _)| *start < from);
        self.slices.get(position).map(|(start, _)| *start)
    }
}
