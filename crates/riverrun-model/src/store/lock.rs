//! Locks that die with their owner.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use crate::error::{At, Result};

/// The right to change the store, held by one thread of one process at a time.
///
/// The operating system gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Waits for the lock.
    pub(super) fn acquire(path: &Path) -> Result<Self> {
        let file = open_or_create(path).at("open", path)?;
        loop {
            match file.lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).at("lock", path),
            }
        }
    }

    /// Takes the lock if it is free and may be taken.
    pub(super) fn try_acquire(path: &Path) -> Option<Self> {
        let file = open_or_create(path).ok()?;
        file.try_lock().ok()?;
        Some(Self { _file: file })
    }
}

/// Makes a new lock file and holds it.
pub(super) fn create_held(path: &Path) -> Result<File> {
    let file = open_or_create(path).at("create", path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::from(io::ErrorKind::WouldBlock)).at("lock", path),
        Err(TryLockError::Error(error)) => Err(error).at("lock", path),
    }
}

/// Whether a lock file has a living owner. A file that cannot be looked at is taken to have one.
pub(super) fn is_held(path: &Path) -> bool {
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => file.try_lock().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn open_or_create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)
}
