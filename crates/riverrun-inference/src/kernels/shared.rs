//! An output that several threads fill, each its own segments.

use std::marker::PhantomData;

/// A slice whose disjoint segments are written by different threads.
pub(super) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    owner: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only access is `segment`, whose caller promises that no two segments in use overlap.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(super) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), owner: PhantomData }
    }

    /// The segment of `len` elements from `start` on.
    ///
    /// # Safety
    /// While the segment is in use, no other segment in use overlaps it.
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn segment(&self, start: usize, len: usize) -> &mut [f32] {
        assert!(start <= self.len && len <= self.len - start, "a segment lies inside its output");
        // SAFETY: the assertion keeps it inside the slice that `self` borrows mutably; the caller keeps it unique.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}
