//! The cache of `huggingface_hub`: `models--org--name/{blobs,refs,snapshots}`.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::digest::RemoteDigest;
use super::listing::is_commit;
use super::reference::HubReference;
use crate::durable;
use crate::error::{At, Result};
use crate::relative_path;
use crate::store::unique;

/// What the cache has of one repository.
pub(super) struct RepositoryCache {
    root: PathBuf,
    folder: String,
}

impl RepositoryCache {
    pub(super) fn new(cache: &Path, reference: &HubReference) -> Self {
        let folder = format!("models--{}", reference.repository().replace('/', "--"));
        Self { root: cache.to_owned(), folder }
    }

    fn path(&self) -> PathBuf {
        self.root.join(&self.folder)
    }

    /// Where the file with a hash is, or will be.
    pub(super) fn blob(&self, digest: &RemoteDigest) -> PathBuf {
        self.path().join("blobs").join(digest.name())
    }

    /// Where the file with a hash is while it is downloaded.
    pub(super) fn partial(&self, digest: &RemoteDigest) -> PathBuf {
        self.path().join("blobs").join(format!("{}.incomplete", digest.name()))
    }

    /// The directory that looks like the repository at a commit.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.path().join("snapshots").join(commit)
    }

    /// The commit that a revision was when it was last asked for.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return self.snapshot(revision).is_dir().then(|| revision.to_owned());
        }
        let commit = fs::read_to_string(self.path().join("refs").join(revision)).ok()?;
        Some(commit.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    /// Remembers which commit a revision is.
    pub(super) fn remember(&self, revision: &str, commit: &str) -> Result<()> {
        if is_commit(revision) {
            return Ok(());
        }
        let path = self.path().join("refs").join(revision);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).at_outside("create", parent)?;
        }
        durable::write(&path, commit.as_bytes())
    }

    /// Makes the directory for blobs.
    pub(super) fn prepare(&self) -> Result<()> {
        let blobs = self.path().join("blobs");
        fs::create_dir_all(&blobs).at_outside("create", &blobs)
    }

    /// Waits for the right to download the file with a hash. Other processes, of Python too, wait for it as well.
    pub(super) fn lock(&self, digest: &RemoteDigest) -> Result<File> {
        let directory = self.root.join(".locks").join(&self.folder);
        fs::create_dir_all(&directory).at_outside("create", &directory)?;
        let path = directory.join(format!("{}.lock", digest.name()));
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).at_outside("open", &path)?;
        loop {
            match file.lock() {
                Ok(()) => return Ok(file),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).at_outside("lock", &path),
            }
        }
    }

    /// Has the snapshot of a commit show a file.
    pub(super) fn link(&self, commit: &str, file: &str, digest: &RemoteDigest) -> Result<()> {
        let link = self.snapshot(commit).join(file);
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent).at_outside("create", parent)?;
        }
        let blob = self.blob(digest);
        if fs::canonicalize(&link).is_ok_and(|there| fs::canonicalize(&blob).is_ok_and(|blob| blob == there)) {
            return Ok(());
        }
        // In one step: another pull may make the same link, or read through it.
        let made = link.with_file_name(format!(".{}", unique::suffix(16)));
        make_link(&blob, file, &made).at_outside("create", &link)?;
        fs::rename(&made, &link).at_outside("create", &link).inspect_err(|_| drop(fs::remove_file(&made)))
    }

    /// The hash that a file of a snapshot should have: the name of the blob that it is a link to.
    pub(super) fn digest_of(&self, commit: &str, file: &str) -> Option<RemoteDigest> {
        relative_path::check(file).ok()?;
        let target = fs::read_link(self.snapshot(commit).join(file)).ok()?;
        RemoteDigest::parse(target.file_name()?.to_str()?)
    }
}

/// A relative link, so that the cache can be moved.
#[cfg(unix)]
fn make_link(blob: &Path, file: &str, link: &Path) -> io::Result<()> {
    let up = "../".repeat(2 + file.matches('/').count());
    let name = blob.file_name().unwrap_or_default().to_string_lossy();
    std::os::unix::fs::symlink(format!("{up}blobs/{name}"), link)
}

#[cfg(not(unix))]
fn make_link(blob: &Path, _file: &str, link: &Path) -> io::Result<()> {
    fs::hard_link(blob, link).or_else(|_| fs::copy(blob, link).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_link_that_many_make_at_once_is_there_for_each_and_leaves_nothing_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let cache = RepositoryCache::new(root.path(), &"hf:org/name".parse().unwrap());
        let commit = "0".repeat(40);
        let digest = |digit: &str| RemoteDigest::parse(&digit.repeat(64)).unwrap();
        cache.prepare().unwrap();
        for digit in ["a", "b"] {
            fs::write(cache.blob(&digest(digit)), digit).unwrap();
        }

        for digit in ["a", "b"].into_iter().cycle().take(20) {
            let together = std::sync::Barrier::new(4);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        together.wait();
                        cache.link(&commit, "onnx/model.onnx", &digest(digit)).unwrap();
                        assert_eq!(fs::read_to_string(cache.snapshot(&commit).join("onnx/model.onnx")).unwrap(), digit);
                    });
                }
            });
        }

        assert_eq!(fs::read_dir(cache.snapshot(&commit).join("onnx")).unwrap().count(), 1);
    }
}
