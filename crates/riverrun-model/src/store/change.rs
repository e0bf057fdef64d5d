//! Moving the `latest` pointer, labelling, and deleting versions.

use std::fs;

use super::ModelStore;
use super::staging::{Staging, if_there};
use crate::error::Result;
use crate::label::LabelChange;
use crate::model::Model;
use crate::tag::{Tag, TagRef};

impl ModelStore {
    /// Makes a version the latest one of its name.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when it is not there,
    /// [`Error::CorruptMetadata`](crate::Error::CorruptMetadata) when it cannot be used.
    pub fn promote(&self, tag: &Tag) -> Result<()> {
        self.read(tag)?;
        let lock = self.lock()?;
        self.read(tag)?;
        let staging = Staging::create(self, &lock)?;
        staging.point_latest_at(self, tag, &lock)
    }

    /// Changes the labels of a version, one after the other, and gives it as it is then.
    ///
    /// # Errors
    /// As [`promote`](Self::promote), [`Error::InvalidLabel`](crate::Error::InvalidLabel) when a label could not be found
    /// or removed again, and [`Error::Io`](crate::Error::Io) when the store cannot be written.
    pub fn label(&self, tag: &TagRef, changes: impl IntoIterator<Item = LabelChange>) -> Result<Model> {
        let changes: Vec<LabelChange> = changes.into_iter().collect();
        changes.iter().try_for_each(LabelChange::check)?;
        self.get(tag)?;
        let lock = self.lock()?;
        // Another may have written labels since: theirs are kept.
        let model = self.get(tag)?;
        let mut metadata = model.metadata().clone();
        for change in changes {
            change.apply(&mut metadata.labels);
        }
        let staging = Staging::create(self, &lock)?;
        staging.replace_metadata(self, model.tag(), &metadata.to_toml(model.tag())?, &lock)?;
        self.read(model.tag())
    }

    /// Deletes a version, and gives the tag that `latest` means from now on.
    ///
    /// If it was the latest version, the newest remaining one becomes so; with none remaining the name is gone
    /// too, and the answer is `None`. Readers see the version whole or not at all. A version whose metadata is
    /// unusable can be deleted.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when it is not there, [`Error::Io`](crate::Error::Io) when the
    /// store cannot be written.
    pub fn delete(&self, tag: &Tag) -> Result<Option<Tag>> {
        if !self.has(tag) {
            return Err(self.not_found(&tag.into()));
        }
        let lock = self.lock()?;
        if !self.has(tag) {
            return Err(self.not_found(&tag.into()));
        }
        let staging = Staging::create(self, &lock)?;

        // The pointer first: a pointer to nothing would be worse than one that moved too early.
        let pointed = self.latest(tag.name())?;
        let mut latest = pointed.clone();
        if pointed.as_ref().is_some_and(|pointed| pointed == tag || !self.has(pointed)) {
            latest = self.newest(tag.name(), Some(tag))?;
            match &latest {
                Some(newest) => staging.point_latest_at(self, newest, &lock)?,
                None => {
                    let path = self.latest_path(tag.name());
                    if_there(fs::remove_file(&path), "delete", &path)?;
                }
            }
        }
        staging.take_out(self, tag, &lock)?;
        // The files themselves go without holding up others.
        drop(lock);
        drop(staging);
        Ok(latest)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::staging;
    use super::super::testing::{a_model, import};
    use super::*;
    use crate::{Error, ImportOptions};

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    fn latest(store: &ModelStore) -> String {
        let model = store.get(&TagRef::latest("bert").unwrap()).unwrap();
        model.tag().to_string()
    }

    #[test]
    fn deleting_the_latest_version_makes_the_newest_remaining_one_latest() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        // The newest by time, not by name.
        for tag in ["bert:9", "bert:5", "bert:7"] {
            import(&store, a_model().path(), tag);
        }

        let next = store.delete(&tag("bert:7")).unwrap();

        assert_eq!(next, Some(tag("bert:5")));
        assert_eq!(latest(&store), "bert:5");
        assert!(!staging::is_used(&store));
    }

    #[test]
    fn deleting_another_version_leaves_latest_where_it_is() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        import(&store, a_model().path(), "bert:1");
        import(&store, a_model().path(), "bert:2");
        store.promote(&tag("bert:1")).unwrap();

        store.delete(&tag("bert:2")).unwrap();

        assert_eq!(latest(&store), "bert:1");
    }

    #[test]
    fn deleting_the_last_version_removes_the_name() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        import(&store, a_model().path(), "bert:1");

        let next = store.delete(&tag("bert:1")).unwrap();

        assert_eq!(next, None);
        assert!(!store.name_path("bert").exists());
        assert!(matches!(store.delete(&tag("bert:1")), Err(Error::NotFound { .. })));
    }

    #[test]
    fn a_corrupt_version_can_be_deleted_but_neither_promoted_nor_fallen_back_to() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        for tag in ["bert:1", "bert:2", "bert:3"] {
            import(&store, a_model().path(), tag);
        }
        fs::write(store.version_path(&tag("bert:2")).join("model.toml"), "").unwrap();

        let promoted = store.promote(&tag("bert:2"));
        let next = store.delete(&tag("bert:3")).unwrap();
        store.delete(&tag("bert:2")).unwrap();

        assert!(matches!(promoted, Err(Error::CorruptMetadata { .. })));
        assert_eq!(next, Some(tag("bert:1")));
        assert_eq!(store.list().unwrap().len(), 1);
    }

    #[test]
    fn labels_are_set_and_removed_and_nothing_else_changes() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let options = ImportOptions::new("bert").version("1").label("stage", "dev").label("team", "nlp");
        let before = store.import_directory(a_model().path(), options).unwrap().model;
        let change = |text: &str| LabelChange::parse(text).unwrap();

        let after = store.label(&"bert".parse().unwrap(), ["stage=production", "team-", "none-"].map(change)).unwrap();

        assert_eq!(after.metadata().labels, BTreeMap::from([("stage".to_owned(), "production".to_owned())]));
        assert_eq!(after, store.get(&"bert:1".parse().unwrap()).unwrap());
        let mut same = after.metadata().clone();
        same.labels = before.metadata().labels.clone();
        assert_eq!(&same, before.metadata());
        assert!(!staging::is_used(&store));
        assert!(matches!(store.label(&"gpt".parse().unwrap(), []), Err(Error::NotFound { .. })));
    }

    #[test]
    fn a_label_of_a_program_is_checked_like_one_of_the_command_line() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        import(&store, a_model().path(), "bert:1");
        let set = |key: &str, value: &str| LabelChange::Set(key.into(), value.into());
        let label = |change| store.label(&"bert:1".parse().unwrap(), [set("good", "1"), change]);

        for change in [set("", "x"), set("a b", "x"), set("a", "\u{1b}[2J"), set("a-", "x")] {
            assert!(matches!(label(change), Err(Error::InvalidLabel { .. })));
        }

        assert!(store.get(&"bert:1".parse().unwrap()).unwrap().metadata().labels.is_empty(), "all or nothing");
        // One that an older version kept goes away.
        label(LabelChange::Remove("a b".into())).unwrap();
    }

    #[test]
    fn labels_that_several_set_at_once_are_all_there() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        import(&store, a_model().path(), "bert:1");
        let tag: TagRef = "bert:1".parse().unwrap();

        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (store, tag) = (&store, &tag);
                scope.spawn(move || {
                    let label = LabelChange::Set(format!("label{thread}"), "x".into());
                    store.label(tag, [label]).unwrap();
                });
            }
        });

        assert_eq!(store.get(&tag).unwrap().metadata().labels.len(), 8);
    }

    #[test]
    fn an_import_without_promotion_leaves_latest_where_it_is() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let options = |version: &str| ImportOptions::new("bert").version(version).no_promote();
        store.import_directory(a_model().path(), options("1")).unwrap();

        let none = store.get(&TagRef::latest("bert").unwrap()).unwrap_err();
        store.promote(&tag("bert:1")).unwrap();
        store.import_directory(a_model().path(), options("2")).unwrap();

        assert!(none.to_string().contains("`riverrun models promote bert:1`"), "{none}");
        assert_eq!(latest(&store), "bert:1");
    }
}
