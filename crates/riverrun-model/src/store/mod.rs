//! The model store: a directory with every model that this machine has.
//!
//! ```text
//! $RIVERRUN_HOME/
//!   .lock                       held while the store is changed
//!   .staging/<unique>/          changes that are being prepared
//!   models/<name>/latest        the version that `name` alone means
//!   models/<name>/<version>/    model.toml and the model's files
//! ```

mod change;
mod derive;
mod export;
mod import;
mod list;
mod lock;
mod options;
mod staging;
pub(crate) mod unique;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use list::ListEntry;
pub use options::{ExportOptions, Exported, ImportOptions, ImportWarning, Imported};

use crate::durable;
use crate::error::{At, Error, Result};
use crate::model::Model;
use crate::suggestions::Suggestions;
use crate::tag::{LATEST, Tag, TagRef};
use lock::StoreLock;
use staging::if_there;

/// The environment variable that says where the store is.
const HOME_VARIABLE: &str = "RIVERRUN_HOME";

/// The models that this machine has.
///
/// Any number of threads and processes may use a store at once: a version appears whole or not at all, and its
/// files are never changed afterwards; its labels may be. Opening a store removes what commands that were killed have left in it.
#[derive(Clone, Debug)]
pub struct ModelStore {
    home: PathBuf,
}

impl ModelStore {
    /// Opens the store of this user: `$RIVERRUN_HOME`, or `riverrun` in the platform's directory for user data
    /// (`~/.local/share/riverrun` on Linux).
    ///
    /// # Errors
    /// [`Error::NoHome`] when there is neither, and as [`at`](Self::at).
    pub fn open_default() -> Result<Self> {
        match std::env::var_os(HOME_VARIABLE).filter(|home| !home.is_empty()) {
            Some(home) => Self::at(PathBuf::from(home)),
            None => Self::at(dirs::data_local_dir().ok_or(Error::NoHome)?.join("riverrun")),
        }
    }

    /// Opens the store with its home at `path`. It is made by the first import if it is not there.
    ///
    /// # Errors
    /// [`Error::Io`] when something that is not a directory stands there.
    pub fn at(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let home = std::path::absolute(path).at("find", path)?;
        let there = if_there(fs::metadata(&home), "open", &home)?;
        if there.is_some_and(|metadata| !metadata.is_dir()) {
            return Err(io::Error::from(io::ErrorKind::NotADirectory)).at("open", &home);
        }
        let store = Self { home };

        // Reading must work on a store that cannot be written, and must not wait: whoever has the lock sweeps too.
        if staging::is_used(&store)
            && let Some(lock) = StoreLock::try_acquire(&store.lock_path())
        {
            staging::sweep(&store, &lock);
        }
        Ok(store)
    }

    /// The store's home directory.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Finds a model, and says which exact version it is when the latest one was asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the tags that look alike, [`Error::NoLatest`] when the name has versions but none is
    /// its latest one, [`Error::CorruptMetadata`] when its `model.toml` is unusable.
    pub fn get(&self, tag: &TagRef) -> Result<Model> {
        if let Some(exact) = tag.exact() {
            return self.read(&exact);
        }
        let mut pointer = self.latest(tag.name())?;
        loop {
            let Some(exact) = pointer else {
                return Err(self.no_latest(tag));
            };
            match self.read(&exact) {
                // It may have been deleted between the two reads; then the pointer has moved on.
                Err(Error::NotFound { .. }) => {
                    pointer = self.latest(tag.name())?.filter(|moved| *moved != exact);
                }
                found => return found,
            }
        }
    }

    fn read(&self, tag: &Tag) -> Result<Model> {
        if !self.has(tag) {
            return Err(self.not_found(&tag.into()));
        }
        let model = Model::read(tag.clone(), self.version_path(tag));
        if model.is_err() && !self.has(tag) {
            return Err(self.not_found(&tag.into()));
        }
        model
    }

    /// The version that a name's `latest` pointer names, if it names one.
    fn latest(&self, name: &str) -> Result<Option<Tag>> {
        let path = self.latest_path(name);
        let Some(bytes) = if_there(fs::read(&path), "read", &path)? else {
            return Ok(None);
        };
        let version = String::from_utf8_lossy(&bytes);
        Ok(Tag::new(name, version.trim()).ok())
    }

    fn no_latest(&self, tag: &TagRef) -> Error {
        match self.newest(tag.name(), None) {
            Ok(Some(newest)) => Error::NoLatest { newest, store: self.home.clone() },
            Ok(None) => self.not_found(tag),
            Err(error) => error,
        }
    }

    fn not_found(&self, tag: &TagRef) -> Error {
        // A listing that does not work makes the message shorter, not wrong.
        let versions = self.versions(tag.name()).unwrap_or_default();
        let near = match tag.version() {
            Some(version) if !versions.is_empty() => {
                let full = |version: String| format!("{}:{version}", tag.name());
                let near = Suggestions::near(version, versions.iter().map(|v| v.version().to_owned()));
                if near.names().is_empty() {
                    Suggestions::first(versions.iter().rev().map(Tag::to_string))
                } else {
                    Suggestions::first(near.names().iter().cloned().map(full))
                }
            }
            _ => Suggestions::near(tag.name(), self.names().unwrap_or_default()),
        };
        Error::NotFound { tag: tag.clone(), store: self.home.clone(), near }
    }

    /// Waits until nobody else changes the store, and finishes what dead processes have left.
    fn lock(&self) -> Result<StoreLock> {
        durable::create_directory(&self.home)?;
        durable::create_directory(&self.models_root())?;
        durable::create_directory(&self.staging_root())?;
        let lock = StoreLock::acquire(&self.lock_path())?;
        staging::sweep(self, &lock);
        Ok(lock)
    }

    fn has(&self, tag: &Tag) -> bool {
        self.version_path(tag).is_dir()
    }

    // A name or a version starts with a letter or a digit, so nothing of these can be one.
    fn lock_path(&self) -> PathBuf {
        self.home.join(".lock")
    }

    fn staging_root(&self) -> PathBuf {
        self.home.join(".staging")
    }

    fn models_root(&self) -> PathBuf {
        self.home.join("models")
    }

    fn name_path(&self, name: &str) -> PathBuf {
        self.models_root().join(name)
    }

    fn version_path(&self, tag: &Tag) -> PathBuf {
        self.name_path(tag.name()).join(tag.version())
    }

    // No version can be called `latest`.
    fn latest_path(&self, name: &str) -> PathBuf {
        self.name_path(name).join(LATEST)
    }
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use super::testing::{a_model, import};
    use super::*;

    #[test]
    fn latest_is_resolved_to_the_exact_version() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        import(&store, a_model().path(), "bert:1");
        import(&store, a_model().path(), "bert:2");

        let latest = store.get(&"bert:latest".parse().unwrap()).unwrap();
        let exact = store.get(&"bert:1".parse().unwrap()).unwrap();

        assert_eq!(latest.tag().to_string(), "bert:2");
        assert_eq!(exact.tag().to_string(), "bert:1");
    }

    #[test]
    fn an_unknown_name_is_reported_with_names_that_look_alike() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        import(&store, a_model().path(), "tweet-sentiment:1.0");
        let message = |tag: &str| store.get(&tag.parse().unwrap()).unwrap_err().to_string();

        let name = message("tweet-sentimant");
        let version = message("tweet-sentiment:2");
        let far = message("whisper");

        assert_eq!(
            name,
            format!(
                "no model `tweet-sentimant:latest` in the store at {} (did you mean `tweet-sentiment`?); \
                 `riverrun models list` shows what is there, `riverrun models import DIR --name tweet-sentimant` \
                 adds one",
                home.path().display()
            )
        );
        assert!(version.contains("(did you mean `tweet-sentiment:1.0`?)"), "{version}");
        assert!(!far.contains("did you mean"), "{far}");
    }

    #[test]
    fn asking_a_store_that_is_not_there_creates_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        let store = ModelStore::at(&home).unwrap();

        let missing = store.get(&"bert".parse().unwrap());

        assert!(matches!(missing, Err(Error::NotFound { .. })));
        assert!(store.list().unwrap().is_empty());
        assert!(!home.exists());
    }

    #[test]
    fn a_changed_file_is_named_with_what_was_expected_and_what_was_found() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let model = import(&store, a_model().path(), "bert:1");
        let path = model.file("tokenizer.json").unwrap();
        fs::write(&path, "[]").unwrap();

        let message = model.verify().unwrap_err().to_string();

        assert!(message.starts_with(&path.display().to_string()), "{message}");
        assert!(message.contains("found 2 bytes with SHA-256 4f53cda18c2baa0c"), "{message}");
        assert!(model.verified_file("tokenizer.json").is_err());
        assert!(model.verified_file("config.json").is_ok());
    }

    #[test]
    fn a_file_that_the_model_does_not_list_is_not_handed_out() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let model = import(&store, a_model().path(), "bert:1");

        let message = model.verified_file("../latest").unwrap_err().to_string();

        assert!(message.contains("has no file `../latest`; it has config.json, "), "{message}");
    }
}
