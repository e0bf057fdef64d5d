//! Images: files that are a record each.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::arguments::Format;

/// The most bytes of an image's file: as many as decoding takes at most. A path could lead to a whole disk.
const LARGEST: u64 = 512 << 20;

/// The images right in a directory, by their names and in the order of these.
pub(super) fn of_directory(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if Format::of_name(&path) == Some(Format::Image) && !path.is_dir() {
            images.push(path);
        }
    }
    images.sort();
    Ok(images)
}

/// The bytes of an image's file.
pub(super) fn read(path: &str) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}; check the path");
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!(
            "the image is too large: its file has more than {} MiB; give a smaller one",
            LARGEST >> 20
        ));
    }
    Ok(bytes)
}
