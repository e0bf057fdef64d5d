//! [`MappedFile`]: a file's bytes where all processes that read them share one copy.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

/// A file in memory, for files that never change while they are in use: those of the model store. What is read of it is the
/// system's own copy, one for all processes.
#[derive(Debug)]
pub(crate) struct MappedFile(Mmap);

impl MappedFile {
    /// # Errors
    /// The file is not there, or can't be mapped.
    pub(crate) fn open(path: &Path) -> io::Result<Arc<Self>> {
        let file = File::open(path)?;
        // SAFETY: nobody writes to a file of the store once it has its name: it is written elsewhere and moved there, and one that is
        // deleted keeps its bytes until nobody has it open.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Arc::new(Self(map)))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
