//! What is in the store.

use std::fs;
use std::path::Path;

use super::ModelStore;
use super::staging::if_there;
use crate::error::{At, Error, Result};
use crate::model::Model;
use crate::tag::{LATEST, Tag, TagRef};

/// One version in a listing of the store.
#[derive(Debug)]
#[non_exhaustive]
pub struct ListEntry {
    /// Its exact tag.
    pub tag: Tag,
    /// Whether it is the latest version of its name.
    pub latest: bool,
    /// The model, or why it cannot be used.
    pub model: Result<Model>,
}

impl ModelStore {
    /// Every version in the store: names in alphabetical order, the newest version of each first.
    ///
    /// A version whose metadata is unusable is listed with the error, after the others of its name.
    ///
    /// # Errors
    /// [`Error::Io`] when the store's directories cannot be read.
    pub fn list(&self) -> Result<Vec<ListEntry>> {
        let mut listing = Vec::new();
        for name in self.names()? {
            let latest = self.latest(&name)?;
            let mut entries = Vec::new();
            for tag in self.versions(&name)? {
                let model = match self.get(&TagRef::from(&tag)) {
                    // Deleted since the directory was read.
                    Err(Error::NotFound { .. }) => continue,
                    model => model,
                };
                entries.push(ListEntry { latest: latest.as_ref() == Some(&tag), tag, model });
            }
            entries.sort_by(|a, b| age(b).cmp(&age(a)));
            listing.append(&mut entries);
        }
        Ok(listing)
    }

    /// The newest version of a name that can be used, `except` one.
    pub(super) fn newest(&self, name: &str, except: Option<&Tag>) -> Result<Option<Tag>> {
        let usable = self.versions(name)?.into_iter().filter_map(|tag| {
            let model = Model::read(tag.clone(), self.version_path(&tag)).ok()?;
            (Some(&tag) != except).then_some((model.metadata().created, tag))
        });
        Ok(usable.max().map(|(_, tag)| tag))
    }

    /// The names in the store, in alphabetical order.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let names = subdirectories(&self.models_root())?;
        Ok(names.into_iter().filter(|name| TagRef::latest(name).is_ok_and(|tag| tag.name() == name)).collect())
    }

    /// The versions of a name, in alphabetical order.
    pub(super) fn versions(&self, name: &str) -> Result<Vec<Tag>> {
        let versions = subdirectories(&self.name_path(name))?;
        Ok(versions
            .into_iter()
            .filter(|version| version != LATEST)
            .filter_map(|version| Tag::new(name, &version).ok().filter(|tag| tag.version() == version))
            .collect())
    }
}

/// Sorts usable versions by age and unusable ones before them all.
fn age(entry: &ListEntry) -> (Option<std::time::SystemTime>, &Tag) {
    let created = entry.model.as_ref().ok().map(|model| model.metadata().created);
    (created, &entry.tag)
}

/// The names of the directories in a directory, sorted; none if it is not there.
fn subdirectories(path: &Path) -> Result<Vec<String>> {
    let Some(entries) = if_there(fs::read_dir(path), "read", path)? else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.at("read", path)?;
        // A whole store may be laid out with links to directories, so links are followed.
        if let (Ok(name), true) = (entry.file_name().into_string(), entry.path().is_dir()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{a_model, import};
    use super::*;

    #[test]
    fn a_listing_has_names_in_order_and_the_newest_version_first() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        for tag in ["gpt:1", "bert:2", "bert:1"] {
            import(&store, a_model().path(), tag);
        }

        let listing: Vec<_> =
            store.list().unwrap().into_iter().map(|entry| (entry.tag.to_string(), entry.latest)).collect();

        let expected = [("bert:1", true), ("bert:2", false), ("gpt:1", true)];
        assert_eq!(listing, expected.map(|(tag, latest)| (tag.to_owned(), latest)));
    }

    #[test]
    fn one_corrupt_version_is_listed_as_such_beside_the_others() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        import(&store, a_model().path(), "bert:1");
        let broken = import(&store, a_model().path(), "bert:2");
        fs::write(broken.path().join("model.toml"), "schema = ").unwrap();
        fs::create_dir(home.path().join("models/.DS_Store")).unwrap();
        fs::create_dir(home.path().join("models/bert/No Version")).unwrap();

        let listing = store.list().unwrap();

        assert_eq!(listing.len(), 2);
        assert!(listing[0].model.is_ok());
        let error = listing[1].model.as_ref().unwrap_err();
        assert!(matches!(error, Error::CorruptMetadata { .. }), "{error}");
        assert_eq!(listing[1].tag.to_string(), "bert:2");
    }
}
