//! A version that is made out of another one.

use std::fs::File;
use std::path::Path;

use super::ModelStore;
use super::import::tag_of;
use super::options::{ImportOptions, ImportWarning, Imported};
use super::staging::Staging;
use crate::digest::digest;
use crate::error::{At, Error, Result};
use crate::label;
use crate::metadata::{FileEntry, Metadata};
use crate::model::Model;
use crate::source::{Contents, Origin};

impl ModelStore {
    /// Makes a new version out of `from`, such as one whose weights are smaller.
    ///
    /// `make` is given an empty directory and writes the new version's files there, all of them; what it returns is kept as
    /// free metadata, beside that of the options. Task, signatures and the framework are those of `from`; its labels and free metadata
    /// stay with it. The name is that of `from` unless the options have another, and the new version becomes the latest one of its name unless
    /// they say otherwise.
    ///
    /// # Errors
    /// Whatever `make` fails with; [`Error::AlreadyExists`] before it is called when the tag is taken; and as
    /// [`import`](Self::import) where the files are none of a model. After an error the store is as it was.
    pub fn derive<E: From<Error>>(
        &self, from: &Model, options: ImportOptions, make: impl FnOnce(&Path) -> Result<toml::Table, E>,
    ) -> Result<Imported, E> {
        label::check(&options.labels)?;
        let own = Origin { name: Some(from.tag().name().to_owned()), ..Origin::default() };
        let (tag, lowered) = tag_of(&options, &own, from.path())?;
        if self.has(&tag) {
            return Err(Error::AlreadyExists { tag, identical: false }.into());
        }
        let staging = Staging::create(self, &self.lock()?)?;
        let staged = staging.model()?;

        let made = make(&staged)?;

        let source = Contents::scan(&staged, Some(from.metadata().format), from.metadata().main.as_deref())?;
        let mut files = Vec::new();
        for name in &source.files {
            let path = source.file(name);
            let written = File::open(&path).at("read", &path)?;
            written.sync_all().at("write", &path)?;
            files.push(FileEntry::new(name, digest(&path)?));
        }
        let mut metadata = Metadata::new(&tag, source.format, files);
        source.inspect(&staged, &mut metadata)?;
        metadata.framework.clone_from(&from.metadata().framework);
        metadata.task = options.task.or(from.metadata().task);
        metadata.signatures.clone_from(&from.metadata().signatures);
        metadata.labels = options.labels;
        metadata.metadata = options.metadata;
        metadata.metadata.extend(made);
        let model = self.publish(&staging, tag, metadata, options.promote)?;
        Ok(Imported { model, warnings: lowered.map(ImportWarning::Lowered).into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::staging;
    use super::super::testing::{a_model, import};
    use super::*;

    fn copied(from: &Model, to: &Path) -> Result<toml::Table> {
        for file in &from.metadata().files {
            fs::copy(from.path().join(&file.path), to.join(&file.path)).at("write", to)?;
        }
        Ok(toml::Table::from_iter([("made".to_owned(), toml::Value::Boolean(true))]))
    }

    #[test]
    fn a_derived_version_has_the_task_of_the_first_and_becomes_the_latest() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let from = import(&store, a_model().path(), "bert:1");
        store.label(&"bert:1".parse().unwrap(), vec![crate::LabelChange::parse("stage=production").unwrap()]).unwrap();
        let options = ImportOptions { version: Some("1-small".into()), ..ImportOptions::default() };

        let derived = store.derive(&from, options, |to| copied(&from, to)).unwrap().model;

        assert_eq!(store.get(&"bert".parse().unwrap()).unwrap(), derived);
        assert_eq!(derived.tag().to_string(), "bert:1-small");
        assert_eq!(derived.metadata().task, from.metadata().task);
        assert_eq!(derived.metadata().signatures, from.metadata().signatures);
        assert_eq!(derived.metadata().metadata["made"].as_bool(), Some(true));
        assert!(derived.metadata().labels.is_empty(), "what is in production is not said of another version");
        derived.verify().unwrap();
    }

    #[test]
    fn what_goes_wrong_leaves_the_store_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let from = import(&store, a_model().path(), "bert:1");
        let options = |version: &str| ImportOptions { version: Some(version.into()), ..ImportOptions::default() };

        let taken = store.derive(&from, options("1"), |_| unreachable!("the tag is taken")).unwrap_err();
        let empty = store.derive(&from, options("2"), |_| Ok::<_, Error>(toml::Table::new())).unwrap_err();
        let failed = store.derive(&from, options("2"), |to| {
            copied(&from, to)?;
            Err(Error::NoHome)
        });

        assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken}");
        assert!(matches!(empty, Error::MissingFile { .. }), "{empty}");
        assert!(matches!(failed, Err(Error::NoHome)));
        assert!(!staging::is_used(&store) && store.list().unwrap().len() == 1);
        assert_eq!(store.get(&"bert".parse().unwrap()).unwrap(), from);
    }
}
