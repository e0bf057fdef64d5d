//! Opening files to be read line by line.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::Path;

use crate::error::{Error, Result};

/// Finds out whether a file can be read, before anything runs.
pub(super) fn check(path: &Path) -> Result {
    // Opening a pipe and closing it again would end its writer.
    if is_regular(path)? {
        File::open(path).map_err(|error| Error::open(path.display().to_string(), error))?;
    }
    Ok(())
}

/// Whether it is a file with a length and positions, and not a pipe or a device.
pub(super) fn is_regular(path: &Path) -> Result<bool> {
    let input = || path.display().to_string();
    let metadata = fs::metadata(path).map_err(|error| Error::open(input(), error))?;
    if metadata.is_dir() {
        return Err(Error::Directory { input: input() });
    }
    Ok(metadata.is_file())
}

/// Opens a file, at a position where that is not its beginning.
pub(super) fn open_at(path: &Path, offset: u64) -> Result<File> {
    let input = || path.display().to_string();
    let mut file = File::open(path).map_err(|error| Error::open(input(), error))?;
    if offset > 0 {
        let length = file.metadata().map_err(|error| Error::open(input(), error))?.len();
        if length < offset {
            return Err(Error::Shrunk { input: input(), length, offset });
        }
        file.seek(SeekFrom::Start(offset)).map_err(|error| Error::open(input(), error))?;
    }
    Ok(file)
}
