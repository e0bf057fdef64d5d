//! Files and directories that are still there after a power cut.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::error::{At, Result};

/// Writes a file and waits until its content is on the disk.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    let mut file = File::create(path).at("create", path)?;
    file.write_all(content).at("write", path)?;
    file.sync_all().at("write", path)
}

/// Waits until the names in a directory are on the disk.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    // Only Unix can open a directory; elsewhere a rename is as durable as the system makes it.
    if cfg!(unix) {
        let directory = File::open(path).at("open", path)?;
        directory.sync_all().at("write", path)?;
    }
    Ok(())
}

/// Waits until the names in a directory and in those below it are on the disk.
pub(crate) fn sync_tree(path: &Path) -> Result<()> {
    for entry in fs::read_dir(path).at("read", path)? {
        let entry = entry.at("read", path)?;
        if entry.file_type().at("read", path)?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    sync_directory(path)
}

/// Creates a directory and those above it, where they are not there yet.
pub(crate) fn create_directory(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).at("create", path)?;
    match path.parent() {
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    }
}
