//! A file from its first record until it is visible.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use riverrun_stream::element::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How much is written at once.
const BUFFER: usize = 64 * 1024;

/// A part that is complete and not visible yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PendingPart {
    /// The bucket it is in.
    pub(super) bucket: String,
    /// The name it will have.
    pub(super) name: String,
}

impl PendingPart {
    fn hidden(&self, directory: &Path) -> PathBuf {
        directory.join(&self.bucket).join(hidden(&self.name))
    }

    /// Makes it visible, unless it was before. Says whether it was there under either name.
    pub(super) fn commit(&self, directory: &Path) -> Result<bool> {
        let (hidden, visible) = (self.hidden(directory), directory.join(&self.bucket).join(&self.name));
        let is_there = |path: &Path| path.try_exists().map_err(|error| Error::write(path, error));
        match (is_there(&hidden)?, is_there(&visible)?) {
            (true, true) => {
                let (part, target) = (hidden.display().to_string(), visible.display().to_string());
                Err(Error::Exists { part, target })
            }
            (true, false) => {
                fs::rename(&hidden, &visible).map_err(|error| Error::write(&visible, error))?;
                Ok(true)
            }
            (false, is_visible) => Ok(is_visible),
        }
    }

    pub(super) fn vanished(&self, directory: &Path) -> Error {
        Error::Vanished { part: self.hidden(directory).display().to_string() }
    }
}

/// Begins with a dot, so that those who read the directory pass over it.
pub(super) fn hidden(name: &str) -> String {
    format!(".{name}.inprogress")
}

/// What a snapshot keeps of a part that is being written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PartState {
    pub(super) part: PendingPart,
    length: u64,
    opened: Timestamp,
}

/// A part that is being written, under its hidden name.
pub(super) struct Part<E> {
    part: PendingPart,
    pub(super) encoder: E,
    path: PathBuf,
    file: File,
    /// Not written yet.
    pub(super) buffer: Vec<u8>,
    /// How many bytes the file has.
    written: u64,
    pub(super) opened: Timestamp,
    pub(super) last_write: Timestamp,
    /// Whether its name is on the disk.
    is_listed: bool,
}

impl<E> Part<E> {
    /// Begins a part, if nobody else has taken its name.
    pub(super) fn create(directory: &Path, part: PendingPart, encoder: E, now: Timestamp) -> Result<Option<Self>> {
        let path = part.hidden(directory);
        let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            file => file.map_err(|error| Error::write(&path, error))?,
        };
        // Asked after the hidden name was taken: another job may have made visible what it had under it just before.
        let visible = directory.join(&part.bucket).join(&part.name);
        if visible.try_exists().map_err(|error| Error::write(&visible, error))? {
            fs::remove_file(&path).map_err(|error| Error::write(&path, error))?;
            return Ok(None);
        }
        Ok(Some(Self::of(part, encoder, path, file, 0, now)))
    }

    /// Goes on with a part where a snapshot was taken: what was written behind that is cut off.
    pub(super) fn resume(directory: &Path, state: PartState, encoder: E) -> Result<Self> {
        let PartState { part, length, opened } = state;
        let path = part.hidden(directory);
        let changed = |found: String| Error::Changed { part: path.display().to_string(), length, found };
        let mut file = match OpenOptions::new().write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let is_visible = directory.join(&part.bucket).join(&part.name).exists();
                let found = if is_visible { format!("it is complete now, as {}", part.name) } else { "is gone".into() };
                return Err(changed(found));
            }
            file => file.map_err(|error| Error::write(&path, error))?,
        };
        let now = file.metadata().map_err(|error| Error::write(&path, error))?.len();
        if now < length {
            return Err(changed(format!("has {now} now")));
        }
        file.set_len(length)
            .and_then(|()| file.seek(SeekFrom::Start(length)))
            .map_err(|error| Error::write(&path, error))?;
        Ok(Self::of(part, encoder, path, file, length, opened))
    }

    fn of(part: PendingPart, encoder: E, path: PathBuf, file: File, written: u64, opened: Timestamp) -> Self {
        Self { part, encoder, path, file, buffer: Vec::new(), written, opened, last_write: opened, is_listed: false }
    }

    /// How many bytes it has, with those that are not written yet.
    pub(super) fn length(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes what has come together, when it is worth it.
    pub(super) fn write_if_much(&mut self) -> Result {
        if self.buffer.len() < BUFFER { Ok(()) } else { self.write_all() }
    }

    fn write_all(&mut self) -> Result {
        self.file.write_all(&self.buffer).map_err(|error| Error::write(&self.path, error))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Brings everything to the disk, the file's name too.
    fn sync(&mut self) -> Result {
        self.write_all()?;
        self.file.sync_all().map_err(|error| Error::write(&self.path, error))?;
        match self.path.parent() {
            Some(directory) if !std::mem::replace(&mut self.is_listed, true) => sync_directory(directory),
            _ => Ok(()),
        }
    }

    /// Brings everything to the disk, and says what is needed to go on from here.
    pub(super) fn persist(&mut self) -> Result<PartState> {
        self.sync()?;
        Ok(PartState { part: self.part.clone(), length: self.written, opened: self.opened })
    }

    /// Ends it: everything is on the disk.
    pub(super) fn close(mut self) -> Result<PendingPart> {
        self.sync()?;
        Ok(self.part)
    }
}

/// Brings the names in a directory to the disk.
pub(super) fn sync_directory(path: &Path) -> Result {
    // Elsewhere a directory can't be opened, and needs not be.
    if cfg!(unix) {
        File::open(path).and_then(|directory| directory.sync_all()).map_err(|error| Error::write(path, error))?;
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_an_error_that_names_the_part_and_what_to_do() {
        let part = PendingPart { bucket: String::new(), name: "part-0-0".into() };
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut part = Part::of(part, (), "out/.part-0-0.inprogress".into(), file, 0, 0);
        part.buffer = vec![b'x'; BUFFER];

        let message = part.write_if_much().unwrap_err().to_string();

        let expected =
            "cannot write out/.part-0-0.inprogress: No space left on device (os error 28); free space on the disk";
        assert_eq!(message, expected);
    }
}
