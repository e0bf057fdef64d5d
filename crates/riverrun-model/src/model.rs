//! One version of a model, found in the store.

use std::path::{Path, PathBuf};

use crate::digest::digest;
use crate::error::{Error, Result};
use crate::metadata::{FileEntry, Metadata};
use crate::tag::Tag;

/// One version of a model in the store: its exact tag, where it is, and what is known about it.
///
/// The files of a model are never changed in place, so what was read of them stays true until the version is deleted. Its
/// labels are those of the moment it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    tag: Tag,
    path: PathBuf,
    metadata: Metadata,
}

impl Model {
    /// Reads the model that lies in a directory.
    pub(crate) fn read(tag: Tag, path: PathBuf) -> Result<Self> {
        let metadata = Metadata::read(&tag, &path)?;
        Ok(Self { tag, path, metadata })
    }

    /// Its exact tag, also when it was asked for as the latest one.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    /// The directory that holds its files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its `model.toml` says.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The path of one of its files, such as `config.json`, unread.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`] when the metadata does not list it.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        self.entry(name).map(|entry| self.path.join(&entry.path))
    }

    /// The path of one of its files, after reading it once to see that it is what was imported.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`] when the metadata does not list it, [`Error::Mismatch`] when its size or SHA-256
    /// differs from the recorded one, [`Error::Io`] when it cannot be read.
    pub fn verified_file(&self, name: &str) -> Result<PathBuf> {
        self.verify_entry(self.entry(name)?)
    }

    /// Reads every file and compares it with the size and SHA-256 that were recorded at the import.
    ///
    /// # Errors
    /// As [`verified_file`](Self::verified_file), for the first file that differs.
    pub fn verify(&self) -> Result<()> {
        for entry in &self.metadata.files {
            self.verify_entry(entry)?;
        }
        Ok(())
    }

    fn entry(&self, name: &str) -> Result<&FileEntry> {
        let files = &self.metadata.files;
        files.iter().find(|file| file.path == name).ok_or_else(|| Error::NoSuchFile {
            tag: self.tag.clone(),
            file: name.to_owned(),
            present: files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    fn verify_entry(&self, entry: &FileEntry) -> Result<PathBuf> {
        let path = self.path.join(&entry.path);
        let actual = digest(&path)?;
        if (actual.size, &actual.sha256) == (entry.size, &entry.sha256) {
            return Ok(path);
        }
        let describe = |size: u64, sha256: &str| format!("{size} bytes with SHA-256 {sha256}");
        Err(Error::Mismatch {
            tag: self.tag.clone(),
            path,
            expected: describe(entry.size, &entry.sha256),
            actual: describe(actual.size, &actual.sha256),
        })
    }
}
