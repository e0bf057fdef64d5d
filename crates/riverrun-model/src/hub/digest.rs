//! By which hash the hub knows a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::digest::hexadecimal;
use crate::error::{At, Result};

/// The hash of a file: SHA-256 of its content for a large one, Git's name of a blob for a small one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RemoteDigest {
    Sha256(String),
    GitBlob(String),
}

impl RemoteDigest {
    /// Tells a hash by its length; an entity tag may have quotes and a `W/` around it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches("W/").trim_matches('"');
        let hexadecimal = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match text.len() {
            64 if hexadecimal => Some(Self::Sha256(text.to_owned())),
            40 if hexadecimal => Some(Self::GitBlob(text.to_owned())),
            _ => None,
        }
    }

    /// Its hexadecimal digits, the name of the file in the cache.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Sha256(name) | Self::GitBlob(name) => name,
        }
    }

    /// Whether the file at `path` has this hash.
    pub(super) fn matches(&self, path: &Path) -> Result<bool> {
        let mut file = File::open(path).at_outside("read", path)?;
        let size = file.metadata().at_outside("read", path)?.len();
        let found = match self {
            Self::Sha256(_) => hash(Sha256::new(), &mut file),
            Self::GitBlob(_) => hash(Sha1::new_with_prefix(format!("blob {size}\0")), &mut file),
        };
        Ok(found.at_outside("read", path)? == self.name())
    }
}

fn hash(mut hasher: impl Digest, file: &mut File) -> std::io::Result<String> {
    let mut piece = vec![0; 1 << 18];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hexadecimal(&hasher.finalize())),
            Ok(read) => hasher.update(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_hash_are_those_of_git_and_git_lfs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, "hello\n").unwrap();

        // `git hash-object a` and `sha256sum a`.
        let blob = RemoteDigest::parse("\"ce013625030ba8dba906f756967f9e9ca394464a\"").unwrap();
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let lfs = RemoteDigest::parse(&format!("W/\"{sha256}\"")).unwrap();

        assert!(blob.matches(&path).unwrap() && lfs.matches(&path).unwrap());
        std::fs::write(&path, "hello").unwrap();
        assert!(!blob.matches(&path).unwrap() && !lfs.matches(&path).unwrap());
        assert_eq!(RemoteDigest::parse("\"../../../etc/passwd\""), None);
        assert_eq!(RemoteDigest::parse(&"G".repeat(40)), None);
    }
}
