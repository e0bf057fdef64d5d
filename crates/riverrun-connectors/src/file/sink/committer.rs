//! Makes complete parts visible.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use riverrun_stream::Result;
use riverrun_stream::sink::Committer;

use super::part::{PendingPart, sync_directory};

/// Gives complete parts their names.
pub struct FileCommitter {
    pub(super) directory: PathBuf,
}

impl Committer for FileCommitter {
    type Committable = PendingPart;

    fn commit(&mut self, parts: Vec<PendingPart>) -> Result {
        let mut buckets = BTreeSet::new();
        for part in parts {
            let bucket = self.directory.join(&part.bucket);
            // A part that comes again after a restart may have been visible, and taken away by whom it was for. Not so where
            // its directory is gone.
            if !part.commit(&self.directory)? && !bucket.is_dir() {
                return Err(part.vanished(&self.directory).into_external());
            }
            buckets.insert(bucket);
        }
        buckets.iter().try_for_each(|bucket| sync_directory(bucket))?;
        Ok(())
    }
}

/// Makes a part visible that was completed just now.
pub(super) fn commit_now(part: &PendingPart, directory: &Path) -> Result {
    if !part.commit(directory)? {
        return Err(part.vanished(directory).into_external());
    }
    Ok(sync_directory(&directory.join(&part.bucket))?)
}
