//! The files of the log: one that is written to, and those that were full.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::PredictionLog;
use crate::error::ServiceError;

const CURRENT: &str = "predictions.jsonl";
const LOCK: &str = ".predictions.lock";

pub(super) struct Files {
    directory: PathBuf,
    max_bytes: u64,
    max_files: usize,
    file: File,
    bytes: u64,
    /// Held so that no other service writes here.
    _lock: File,
}

impl Files {
    pub(super) fn open(log: &PredictionLog) -> Result<Self, ServiceError> {
        let failed = |error: io::Error| ServiceError::PredictionLog {
            directory: log.directory.clone(),
            reason: error.to_string(),
        };
        fs::create_dir_all(&log.directory).map_err(failed)?;
        let lock = OpenOptions::new().create(true).append(true).open(log.directory.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ServiceError::PredictionLogTaken { directory: log.directory.clone() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let (file, bytes) = open(&log.directory.join(CURRENT)).map_err(failed)?;
        let (max_bytes, max_files) = (log.max_bytes, log.max_files);
        let mut files = Self { directory: log.directory.clone(), max_bytes, max_files, file, bytes, _lock: lock };
        files.try_to_write().map_err(failed)?;
        files.prune().map_err(failed)?;
        Ok(files)
    }

    /// A disk that is full is found at the start, not with the first prediction.
    fn try_to_write(&mut self) -> io::Result<()> {
        let probe = self.file.write_all(b"\n").and_then(|()| self.file.sync_data());
        let undone = self.file.set_len(self.bytes);
        probe.and(undone)
    }

    /// Whether so many bytes more go into the file that is written to.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.bytes + bytes as u64 <= self.max_bytes
    }

    /// Writes these lines as a whole or not at all, into a new file if they do not fit.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        // Somebody may have moved or removed the file.
        let is_full = self.bytes > 0 && !self.has_room(lines.len());
        if is_full || !self.directory.join(CURRENT).exists() {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(lines) {
            // A part of a line would make the file unreadable.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let current = self.directory.join(CURRENT);
        let next = self.full()?.last().map_or(1, |(number, _)| number + 1);
        match fs::rename(&current, self.directory.join(format!("predictions-{next:06}.jsonl"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        (self.file, self.bytes) = open(&current)?;
        self.prune()
    }

    fn prune(&mut self) -> io::Result<()> {
        let full = self.full()?;
        let excess = (full.len() + 1).saturating_sub(self.max_files);
        full.iter().take(excess).try_for_each(|(_, path)| fs::remove_file(path))
    }

    /// The files that were full, by rising numbers.
    fn full(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut full = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            full.extend(number_of(&path).map(|number| (number, path)));
        }
        full.sort_unstable();
        Ok(full)
    }
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("predictions-")?.strip_suffix(".jsonl")?.parse().ok()
}

/// For appending, after the last whole line: a process that was killed may have left a part of one.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let bytes = file.metadata()?.len();
    let whole = end_of_last_line(&mut file, bytes)?;
    if whole < bytes {
        file.set_len(whole)?;
    }
    Ok((file, whole))
}

fn end_of_last_line(file: &mut File, mut end: u64) -> io::Result<u64> {
    let mut block = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(place) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + place as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
