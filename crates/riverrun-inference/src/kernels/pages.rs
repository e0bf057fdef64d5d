//! [`Lines`]: memory that is read from one end to the other for every batch.
//!
//! A model's weights lie next to each other in large regions, for which the system is asked for huge pages: a lone text reads every
//! weight once, and with small pages part of its time goes into where they are.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::sync::{Arc, Weak};

/// One line of the cache, so that a load of a register never straddles two.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u32; 16]);

const PAGE: usize = 2 << 20;

/// What a region has at least: room for several matrices, of which what is not written takes no memory.
const REGION: usize = 16 << 20;

thread_local! {
    /// The region that this thread fills, and the line from which on it is free.
    static FILLING: RefCell<(Weak<Region>, usize)> = const { RefCell::new((Weak::new(), 0)) };
}

/// Lines of a region that nobody else has.
#[derive(Debug)]
pub(super) struct Lines {
    region: Arc<Region>,
    own: Range<usize>,
}

impl Lines {
    /// So many lines of zeros.
    pub(super) fn zeros(count: usize) -> Self {
        FILLING.with_borrow_mut(|(filling, free)| {
            let region = filling.upgrade().filter(|region| region.lines - *free >= count).unwrap_or_else(|| {
                let region = Arc::new(Region::new(count));
                (*filling, *free) = (Arc::downgrade(&region), 0);
                region
            });
            let own = *free..*free + count;
            *free = own.end;
            // SAFETY: the lines lie inside the region, and were not given out before: `free` only grows while it is filled.
            unsafe { region.start.as_ptr().add(own.start).write_bytes(0, count) };
            Self { region, own }
        })
    }
}

/// Has the next lines of this thread begin a region of their own, so that no model keeps memory of another alive.
pub(crate) fn begin_region() {
    FILLING.set((Weak::new(), 0));
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        // SAFETY: these lines were written by `zeros`, and the region lives as long as this does.
        unsafe { std::slice::from_raw_parts(self.region.start.as_ptr().add(self.own.start), self.own.len()) }
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [Line] {
        // SAFETY: as in `deref`; nobody else has these lines, and this borrows them alone.
        unsafe { std::slice::from_raw_parts_mut(self.region.start.as_ptr().add(self.own.start), self.own.len()) }
    }
}

#[derive(Debug)]
struct Region {
    start: NonNull<Line>,
    lines: usize,
}

// SAFETY: a region hands its lines out through `Lines` alone, each to one, and has no state but its address.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// One with room for so many lines.
    fn new(lines: usize) -> Self {
        let bytes = lines.saturating_mul(size_of::<Line>()).max(REGION).next_multiple_of(PAGE);
        let lines = bytes / size_of::<Line>();
        let layout = Self::layout(lines);
        // SAFETY: the layout is not of size zero.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start.cast::<Line>()) else { handle_alloc_error(layout) };
        #[cfg(target_os = "linux")]
        // SAFETY: the range is this region's own. It changes nothing of what is in it, and where it is refused the pages stay small.
        unsafe {
            libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE);
        }
        Self { start, lines }
    }

    fn layout(lines: usize) -> Layout {
        let bytes = lines * size_of::<Line>();
        // It fails only beyond half of the address space, where no allocation succeeds.
        Layout::from_size_align(bytes, PAGE).unwrap_or_else(|_| handle_alloc_error(Layout::new::<Line>()))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and nobody has lines of it any more.
        unsafe { dealloc(self.start.as_ptr().cast(), Self::layout(self.lines)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_zeros_that_nobody_else_has() {
        begin_region();
        let mut all: Vec<Lines> = [1, 0, 1000, 400_000, 7].into_iter().map(Lines::zeros).collect();

        for (index, lines) in (1..).zip(&mut all) {
            assert!(lines.iter().all(|line| *line == Line([0; 16])));
            lines.fill(Line([index; 16]));
        }

        for (index, lines) in (1..).zip(&all) {
            assert!(lines.iter().all(|line| *line == Line([index; 16])));
        }
        assert_eq!(all.iter().map(|lines| lines.len()).sum::<usize>(), 401_008);
    }

    #[test]
    fn small_ones_share_a_region_and_a_new_one_begins_when_asked_to() {
        let shared = |one: &Lines, other: &Lines| Arc::ptr_eq(&one.region, &other.region);
        begin_region();
        let (first, second) = (Lines::zeros(10), Lines::zeros(10));
        begin_region();
        let third = Lines::zeros(10);

        assert!(shared(&first, &second) && !shared(&second, &third));
        let region = Arc::downgrade(&first.region);
        drop((first, second));
        assert!(region.upgrade().is_none());
    }

    #[test]
    fn lines_may_be_read_and_dropped_on_other_threads() {
        let mut lines = Lines::zeros(100);
        lines.fill(Line([3; 16]));

        let sum =
            std::thread::spawn(move || lines.iter().map(|line| u64::from(line.0[15])).sum::<u64>()).join().unwrap();

        assert_eq!(sum, 300);
    }
}
