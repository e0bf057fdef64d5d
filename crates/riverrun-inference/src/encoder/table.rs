//! A table of rows that are looked up one by one.

use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::kernels::MappedFile;

/// Numbers, in memory or in a file of the store: of an embedding most rows are never read.
pub(super) enum Table {
    Own(Vec<f32>),
    Mapped { file: Arc<MappedFile>, bytes: Range<usize> },
}

impl Table {
    /// The numbers that these bytes are, if they can be read where they are.
    pub(super) fn mapped(file: Arc<MappedFile>, bytes: Range<usize>) -> Option<Self> {
        let numbers = bytemuck::try_cast_slice::<u8, f32>(file.get(bytes.clone())?).is_ok();
        (numbers && cfg!(target_endian = "little")).then_some(Self::Mapped { file, bytes })
    }
}

impl Deref for Table {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Own(numbers) => numbers,
            Self::Mapped { file, bytes } => bytemuck::cast_slice(&file[bytes.clone()]),
        }
    }
}
