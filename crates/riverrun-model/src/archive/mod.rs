//! A model as one file: a tar of `model.toml` and the files that it lists, compressed with Zstandard.

mod limits;
mod pack;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod unpack;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use limits::ArchiveLimits;
pub(crate) use pack::pack;
pub(crate) use unpack::unpack;

use crate::error::{At, Result};

/// What a file ends in that an export names itself.
pub(crate) const EXTENSION: &str = "tar.zst";

/// The first bytes of a Zstandard frame (RFC 8878, section 3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether a file is taken for an archive: by its first bytes, or by its name.
pub(crate) fn is_archive(path: &Path) -> Result<bool> {
    if !path.is_file() {
        return Ok(false);
    }
    let named = path.to_string_lossy().ends_with(&format!(".{EXTENSION}"));
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(4).read_to_end(&mut start)).at_outside("read", path)?;
    Ok(named || start == MAGIC)
}
