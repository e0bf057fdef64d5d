//! Where a change to the store is prepared, so that it becomes visible in one rename.
//!
//! A staging directory is `.staging/<unique>/` with:
//!
//! - `owner.lock`, locked for as long as the owner lives;
//! - `model/`, the version on its way into the store, or out of it;
//! - `promote/<name>`, the `latest` pointer that is to follow the version into the store;
//! - `pointer/<name>`, a `latest` pointer that is to be moved on its own.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::ModelStore;
use super::lock::{self, StoreLock};
use super::unique;
use crate::durable;
use crate::error::{At, Error, Result};
use crate::metadata::METADATA_FILE;
use crate::tag::Tag;

const OWNER_LOCK: &str = "owner.lock";
const MODEL: &str = "model";
const PROMOTE: &str = "promote";
const POINTER: &str = "pointer";

/// A directory of our own that disappears when it is dropped, or at the next command if we are killed.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
    _owner: File,
}

impl Staging {
    /// Makes a staging directory.
    ///
    /// The store's lock keeps others from sweeping it away before its own lock is held.
    pub(super) fn create(store: &ModelStore, _lock: &StoreLock) -> Result<Self> {
        let path = store.staging_root().join(unique::suffix(16));
        fs::create_dir(&path).at("create", &path)?;
        let owner = lock::create_held(&path.join(OWNER_LOCK));
        if owner.is_err() {
            // Nobody needs it: what is left is swept away by the next command.
            let _ = fs::remove_dir_all(&path);
        }
        let staging = Self { path, _owner: owner? };
        Ok(staging)
    }

    /// The directory for the version's files, made if it is not there.
    pub(super) fn model(&self) -> Result<PathBuf> {
        let path = self.path.join(MODEL);
        durable::create_directory(&path)?;
        Ok(path)
    }

    /// Moves the version into the store, and `latest` to it when `promote` says so.
    ///
    /// Both or neither happens: a process that dies in between has its pointer moved by the next change.
    pub(super) fn publish(&self, store: &ModelStore, tag: &Tag, promote: bool, _lock: &StoreLock) -> Result<()> {
        let (staged, target) = (self.path.join(MODEL), store.version_path(tag));
        let pointer = promote.then(|| self.write_pointer(PROMOTE, tag)).transpose()?;
        durable::sync_tree(&staged)?;
        durable::sync_directory(&self.path)?;
        let name_path = store.name_path(tag.name());
        durable::create_directory(&name_path)?;

        let moved = fs::rename(&staged, &target).at("create", &target);
        let moved = moved.and_then(|()| match &pointer {
            None => Ok(()),
            Some(pointer) => move_pointer(store, tag.name(), pointer).inspect_err(|_| {
                // The whole import is undone; it was never promised to anyone.
                let _ = fs::rename(&target, &staged);
            }),
        });
        if moved.is_err() {
            // Only an empty directory goes: one that this import made.
            let _ = fs::remove_dir(&name_path);
        }
        moved?;
        durable::sync_directory(&name_path)
    }

    /// Moves a version out of the store; it is gone when the staging directory is.
    pub(super) fn take_out(&self, store: &ModelStore, tag: &Tag, _lock: &StoreLock) -> Result<()> {
        let (path, name_path) = (store.version_path(tag), store.name_path(tag.name()));
        fs::rename(&path, self.path.join(MODEL)).at("delete", &path)?;
        durable::sync_directory(&name_path)?;
        // The last version takes its name along; with others there this does nothing.
        let _ = fs::remove_dir(&name_path);
        Ok(())
    }

    /// Writes a version's metadata anew: readers see the old or the new.
    pub(super) fn replace_metadata(
        &self, store: &ModelStore, tag: &Tag, content: &str, _lock: &StoreLock,
    ) -> Result<()> {
        let (new, target) = (self.path.join(METADATA_FILE), store.version_path(tag).join(METADATA_FILE));
        durable::write(&new, content.as_bytes())?;
        fs::rename(&new, &target).at("write", &target)?;
        durable::sync_directory(&store.version_path(tag))
    }

    /// Makes a version the latest one of its name.
    pub(super) fn point_latest_at(&self, store: &ModelStore, tag: &Tag, _lock: &StoreLock) -> Result<()> {
        let pointer = self.write_pointer(POINTER, tag)?;
        move_pointer(store, tag.name(), &pointer)?;
        durable::sync_directory(&store.name_path(tag.name()))
    }

    fn write_pointer(&self, kind: &str, tag: &Tag) -> Result<PathBuf> {
        let directory = self.path.join(kind);
        durable::create_directory(&directory)?;
        let path = directory.join(tag.name());
        durable::write(&path, format!("{}\n", tag.version()).as_bytes())?;
        durable::sync_directory(&directory)?;
        Ok(path)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is swept away by the next command.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn move_pointer(store: &ModelStore, name: &str, pointer: &Path) -> Result<()> {
    let latest = store.latest_path(name);
    fs::rename(pointer, &latest).at("write", &latest)
}

/// Whether there is a staging directory, with an owner or without.
pub(super) fn is_used(store: &ModelStore) -> bool {
    fs::read_dir(store.staging_root()).is_ok_and(|mut entries| entries.next().is_some())
}

/// Finishes or removes what processes that died have left.
///
/// What cannot be removed, because it is another user's for instance, stays and hurts nobody.
pub(super) fn sweep(store: &ModelStore, _lock: &StoreLock) {
    let dead: Vec<PathBuf> =
        subdirectories(&store.staging_root()).filter(|staging| !lock::is_held(&staging.join(OWNER_LOCK))).collect();
    for staging in &dead {
        if finish_promotion(store, staging).is_ok() {
            let _ = fs::remove_dir_all(staging);
        }
    }
    if !dead.is_empty() {
        for name in subdirectories(&store.models_root()) {
            // Fails, as it should, for every name that has a version or a pointer.
            let _ = fs::remove_dir(name);
        }
    }
}

/// Moves the pointer of an import that had moved its version into the store and then died.
fn finish_promotion(store: &ModelStore, staging: &Path) -> Result<()> {
    if staging.join(MODEL).exists() {
        return Ok(());
    }
    let directory = staging.join(PROMOTE);
    let Ok(pointers) = fs::read_dir(&directory) else {
        return Ok(());
    };
    for pointer in pointers.flatten() {
        let version = fs::read_to_string(pointer.path()).at("read", &pointer.path())?;
        let name = pointer.file_name();
        let tag = Tag::new(&name.to_string_lossy(), version.trim());
        // A pointer that was not written to its end belongs to a version that is not in the store.
        if let Ok(tag) = tag
            && store.version_path(&tag).is_dir()
        {
            move_pointer(store, tag.name(), &pointer.path())?;
            durable::sync_directory(&store.name_path(tag.name()))?;
        }
    }
    Ok(())
}

fn subdirectories(path: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

/// Turns "there is no such file" into `None`.
pub(super) fn if_there<T>(result: io::Result<T>, doing: &'static str, path: &Path) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(doing, path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{a_model, import};
    use super::*;
    use crate::TagRef;

    #[test]
    fn a_promotion_that_was_cut_off_is_finished_by_the_next_command() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        import(&store, a_model().path(), "bert:1");
        import(&store, a_model().path(), "bert:2");
        // As a process leaves it that was killed between its two renames.
        fs::write(store.latest_path("bert"), "1\n").unwrap();
        let staging = store.staging_root().join("dead");
        fs::create_dir_all(staging.join(PROMOTE)).unwrap();
        fs::write(staging.join(PROMOTE).join("bert"), "2\n").unwrap();

        let store = ModelStore::at(home.path()).unwrap();

        let latest = store.get(&TagRef::latest("bert").unwrap()).unwrap();
        assert_eq!(latest.tag().to_string(), "bert:2");
        assert!(!is_used(&store));
    }

    #[test]
    fn an_import_that_died_before_its_rename_promotes_nothing_and_leaves_no_name() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        import(&store, a_model().path(), "bert:1");
        let staging = store.staging_root().join("dead");
        fs::create_dir_all(staging.join(MODEL)).unwrap();
        fs::create_dir_all(staging.join(PROMOTE)).unwrap();
        fs::write(staging.join(PROMOTE).join("gpt"), "1\n").unwrap();
        fs::create_dir(store.name_path("gpt")).unwrap();

        let store = ModelStore::at(home.path()).unwrap();

        assert!(!is_used(&store));
        assert!(!store.name_path("gpt").exists());
        assert!(store.name_path("bert").exists());
    }

    #[test]
    fn a_staging_whose_owner_lives_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let staging = Staging::create(&store, &store.lock().unwrap()).unwrap();

        ModelStore::at(home.path()).unwrap();
        drop(store.lock().unwrap());

        assert!(staging.path.exists());
        drop(staging);
        assert!(!is_used(&store));
    }
}
