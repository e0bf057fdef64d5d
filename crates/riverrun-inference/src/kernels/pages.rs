//! [`Lines`]: memory that is read from one end to the other for every batch.
//!
//! A model's weights lie next to each other in large regions, for which the system is asked for huge pages: a lone text reads every
//! weight once, and with small pages part of its time goes into where they are. Or they lie in a file that other processes read, too.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::sync::{Arc, Weak};

use super::mapped::MappedFile;

/// One line of the cache, so that a load of a register never straddles two.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(super) [u32; 16]);

const PAGE: usize = 2 << 20;

/// What a region has at least: room for several matrices, of which what is not written takes no memory.
const REGION: usize = 16 << 20;

thread_local! {
    /// The region that this thread fills, and the line from which on it is free.
    static FILLING: RefCell<(Weak<Region>, usize)> = const { RefCell::new((Weak::new(), 0)) };
}

/// Lines of a region that nobody else has, or of a file.
#[derive(Debug)]
pub(crate) struct Lines {
    memory: Memory,
    own: Range<usize>,
}

#[derive(Debug)]
enum Memory {
    Region(Arc<Region>),
    File(Arc<MappedFile>),
}

impl Lines {
    /// The bytes of one.
    pub(crate) const LINE: usize = size_of::<Line>();

    /// So many lines of zeros.
    pub(crate) fn zeros(count: usize) -> Self {
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
            Self { memory: Memory::Region(region), own }
        })
    }

    /// So many lines of `file`, from this byte on; nothing where there are fewer, or they would not begin on a line of the cache.
    pub(crate) fn of_file(file: &Arc<MappedFile>, first_byte: usize, count: usize) -> Option<Self> {
        let first = first_byte / size_of::<Line>();
        let end = first.checked_add(count)?;
        let aligned = first_byte.is_multiple_of(size_of::<Line>()) && file.as_ptr().cast::<Line>().is_aligned();
        (aligned && end <= file.len() / size_of::<Line>())
            .then(|| Self { memory: Memory::File(file.clone()), own: first..end })
    }

    /// The lines as bytes, as they would stand in a file.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: a `Line` is 64 bytes without padding, and any bytes are ones.
        unsafe { std::slice::from_raw_parts(self.as_ptr().cast(), std::mem::size_of_val::<[Line]>(self)) }
    }

    fn start(&self) -> *const Line {
        match &self.memory {
            Memory::Region(region) => region.start.as_ptr(),
            Memory::File(file) => file.as_ptr().cast(),
        }
    }
}

/// Has the next lines of this thread begin a region of their own, so that no model keeps memory of another alive.
pub(crate) fn begin_region() {
    FILLING.set((Weak::new(), 0));
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        // SAFETY: these lines were written by `zeros`, or `of_file` has seen that they lie in the file and on their boundary; what
        // they are in lives as long as this does. Any bytes are lines.
        unsafe { std::slice::from_raw_parts(self.start().add(self.own.start), self.own.len()) }
    }
}

impl DerefMut for Lines {
    /// Lines of a file become a copy first.
    fn deref_mut(&mut self) -> &mut [Line] {
        let start = loop {
            match &self.memory {
                Memory::Region(region) => break region.start,
                Memory::File(_) => {
                    let mut copy = Self::zeros(self.own.len());
                    copy.copy_from_slice(self);
                    *self = copy;
                }
            }
        };
        // SAFETY: these lines were written by `zeros`, and the region lives as long as this does; nobody else has them, and this
        // borrows them alone.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr().add(self.own.start), self.own.len()) }
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
        fn region(lines: &Lines) -> &Arc<Region> {
            match &lines.memory {
                Memory::Region(region) => region,
                Memory::File(_) => panic!("they are of no file"),
            }
        }
        let shared = |one: &Lines, other: &Lines| Arc::ptr_eq(region(one), region(other));
        begin_region();
        let (first, second) = (Lines::zeros(10), Lines::zeros(10));
        begin_region();
        let third = Lines::zeros(10);

        assert!(shared(&first, &second) && !shared(&second, &third));
        let region = Arc::downgrade(region(&first));
        drop((first, second));
        assert!(region.upgrade().is_none());
    }

    #[test]
    fn lines_of_a_file_are_its_bytes_and_changed_in_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let bytes: Vec<u8> = (0..4 * 64).map(|place| (place / 64) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let file = MappedFile::open(&path).unwrap();

        let mut lines = Lines::of_file(&file, 64, 2).unwrap();
        assert_eq!(lines.bytes(), &bytes[64..192]);
        lines[0] = Line([7; 16]);

        assert_eq!((lines[0].0[3], lines[1].0[3]), (7, 0x0202_0202));
        assert_eq!(&file[..], &bytes[..]);
        for (first, count) in [(64, 4), (0, 5), (32, 1), (0, usize::MAX)] {
            assert!(Lines::of_file(&file, first, count).is_none(), "{first} {count}");
        }
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
