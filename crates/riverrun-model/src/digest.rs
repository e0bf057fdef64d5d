//! SHA-256 of files, without holding one in memory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{At, Result};
use crate::progress::Progress;

/// How much of a file is in memory at a time, in bytes.
const BUFFER: usize = 256 * 1024;

/// The size of a file and its SHA-256 as 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileDigest {
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// Reads a file and gives its digest.
pub(crate) fn digest(path: &Path) -> Result<FileDigest> {
    stream(path, |_| Ok(()))
}

/// Copies the content of a file, not its permissions, and gives the digest of what was written.
///
/// The copy is on the disk, not only in its cache, when this returns.
pub(crate) fn copy(from: &Path, to: &Path, progress: &dyn Progress) -> Result<FileDigest> {
    let mut target = File::create(to).at("create", to)?;
    let digest = stream(from, |chunk| {
        progress.advance(chunk.len() as u64);
        target.write_all(chunk).at("write", to)
    })?;
    target.sync_all().at("write", to)?;
    Ok(digest)
}

fn stream(path: &Path, each: impl FnMut(&[u8]) -> Result<()>) -> Result<FileDigest> {
    let mut file = File::open(path).at("read", path)?;
    stream_from(&mut file, |result| result.at("read", path), each)
}

/// Reads to the end, hands each piece on, and gives the digest of all of them.
///
/// `failed` makes an error of what goes wrong with reading.
pub(crate) fn stream_from(
    from: &mut dyn Read, failed: impl Fn(io::Result<usize>) -> Result<usize>, mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<FileDigest> {
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => failed(read)?,
        };
        if read == 0 {
            break;
        }
        let chunk = &buffer[..read];
        hasher.update(chunk);
        each(chunk)?;
        size += chunk.len() as u64;
    }
    Ok(FileDigest { size, sha256: hexadecimal(&hasher.finalize()) })
}

/// Lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_digest_of_its_original() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("a"), directory.path().join("b"));
        std::fs::write(&from, "abc").unwrap();

        let copied = copy(&from, &to, &()).unwrap();

        assert_eq!(copied.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(copied, digest(&to).unwrap());
        assert_eq!(copied.size, 3);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file_and_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let from = directory.path().join("a");
        std::fs::write(&from, "abc").unwrap();

        let message = copy(&from, Path::new("/dev/full"), &()).unwrap_err().to_string();

        assert!(message.starts_with("cannot write /dev/full: "), "{message}");
        assert!(
            message.ends_with("free some space, or set RIVERRUN_HOME to a directory on a larger disk"),
            "{message}"
        );
    }
}
