//! Bringing a model into the store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::ModelStore;
use super::staging::Staging;
use super::unique;
use crate::digest::{self, digest};
use crate::durable;
use crate::error::{Error, Result};
use crate::format::ModelFormat;
use crate::hugging_face::{Architecture, CONFIG, HuggingFaceDirectory};
use crate::metadata::{FileEntry, METADATA_FILE, Metadata, Signature};
use crate::model::Model;
use crate::safetensors;
use crate::tag::{LoweredTag, Tag, TagRef};

/// Under which tag a model is imported, and what is kept with it.
///
/// ```
/// use riverrun_model::ImportOptions;
///
/// let options = ImportOptions::new("tweet-sentiment")
///     .version("1.0")
///     .label("stage", "production")
///     .no_promote();
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportOptions {
    /// The name of the model.
    pub name: String,
    /// Its version; a new one is made from the time when this is `None`.
    pub version: Option<String>,
    /// Whether the import becomes the latest version of its name. True unless changed.
    pub promote: bool,
    /// Labels to find it by.
    pub labels: BTreeMap<String, String>,
    /// Anything else to keep with it.
    pub metadata: toml::Table,
}

impl ImportOptions {
    /// Imports as a new version of `name` that becomes its latest one.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), version: None, promote: true, labels: BTreeMap::new(), metadata: toml::Table::new() }
    }

    /// Sets the version.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Leaves the `latest` pointer where it is.
    ///
    /// A name whose first version is imported so has no latest version until one is promoted.
    #[must_use]
    pub fn no_promote(mut self) -> Self {
        self.promote = false;
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Adds a value to the free metadata.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<toml::Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}

impl From<Tag> for ImportOptions {
    fn from(tag: Tag) -> Self {
        Self::new(tag.name()).version(tag.version())
    }
}

impl From<TagRef> for ImportOptions {
    /// `name` and `name:latest` get a version that is made from the time.
    fn from(tag: TagRef) -> Self {
        let mut options = Self::new(tag.name());
        options.version = tag.version().map(str::to_owned);
        options
    }
}

/// A model that was imported, and what should be said about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Imported {
    /// The model in the store.
    pub model: Model,
    /// What a person may not expect, to be printed one a line.
    pub warnings: Vec<ImportWarning>,
}

/// Something about an import that a person may not expect. Its `Display` is a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportWarning {
    /// Upper case in the name or the version was lowered.
    Lowered(LoweredTag),
    /// A Python pickle beside the safetensors was left out.
    PickleLeftOut {
        /// The pickle.
        file: PathBuf,
    },
    /// Riverrun cannot tell what the model is for.
    UnknownTask {
        /// The first of the `architectures` in `config.json`.
        architecture: Option<String>,
    },
}

impl fmt::Display for ImportWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lowered(lowered) => lowered.fmt(f),
            Self::PickleLeftOut { file } => write!(
                f,
                "{} was left out: a Python pickle is never read, and the safetensors are there",
                file.display()
            ),
            Self::UnknownTask { architecture: Some(architecture) } => {
                write!(f, "no inference task is known for `{architecture}`: the model is stored without a signature")
            }
            Self::UnknownTask { architecture: None } => f.write_str(
                "config.json names no `architectures`, so the inference task is unknown: the model is stored \
                 without a signature",
            ),
        }
    }
}

impl ModelStore {
    /// Copies a Hugging Face model directory into the store.
    ///
    /// The directory needs `config.json`, `tokenizer.json`, and `model.safetensors` or
    /// `model.safetensors.index.json` with all its shards. Taken along are the other tokenizer files, small JSON
    /// files, and the model card and licence. Links are followed and never copied as links. Readers see the
    /// new version whole or not at all.
    ///
    /// ```no_run
    /// use riverrun_model::{ImportOptions, ModelStore};
    ///
    /// let store = ModelStore::open_default()?;
    /// let imported = store.import_directory("models/tweet-sentiment", ImportOptions::new("tweet-sentiment"))?;
    /// println!("imported {}", imported.model.tag());
    /// # Ok::<(), riverrun_model::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::PickleOnly`], [`Error::MissingFile`] or [`Error::UnusableFile`] when the directory is not such a
    /// one, [`Error::AlreadyExists`] when the tag is taken, [`Error::Io`] when the disk is full or the store
    /// cannot be written. After an error the store is as it was.
    pub fn import_directory(&self, directory: impl AsRef<Path>, options: ImportOptions) -> Result<Imported> {
        let (tag, lowered) = tag_of(&options)?;
        let source = HuggingFaceDirectory::scan(directory.as_ref())?;
        if self.has(&tag) {
            return Err(self.already_exists(tag, digest_all(&source)?));
        }
        let staging = Staging::create(self, &self.lock()?)?;
        let staged = staging.model()?;

        let mut files = Vec::new();
        for name in &source.files {
            let digest = digest::copy(&source.file(name), &staged.join(name))?;
            files.push(FileEntry::new(name, digest));
        }
        // The copies are looked at, not the originals: those may still change.
        for name in &source.weights {
            safetensors::check(&staged.join(name), &source.file(name))?;
        }
        let architecture = Architecture::read(&staged.join(CONFIG)).map_err(|error| match error {
            Error::UnusableFile { problem, .. } => Error::UnusableFile { path: source.file(CONFIG), problem },
            other => other,
        })?;

        let mut metadata = Metadata::new(&tag, ModelFormat::Safetensors, files);
        metadata.task = architecture.task;
        metadata.signatures.extend(architecture.task.map(|_| Signature::batchable("predict")));
        metadata.labels = options.labels;
        metadata.metadata = options.metadata;
        durable::write(&staged.join(METADATA_FILE), metadata.to_toml(&tag)?.as_bytes())?;

        let lock = self.lock()?;
        if self.has(&tag) {
            return Err(self.already_exists(tag, metadata.files));
        }
        staging.publish(self, &tag, options.promote, &lock)?;
        drop(lock);

        let mut warnings = Vec::from_iter(lowered.map(ImportWarning::Lowered));
        warnings.extend(source.pickles.iter().map(|name| ImportWarning::PickleLeftOut { file: source.file(name) }));
        if architecture.task.is_none() {
            warnings.push(ImportWarning::UnknownTask { architecture: architecture.class });
        }
        let model = Model::read(tag.clone(), self.version_path(&tag))?;
        Ok(Imported { model, warnings })
    }

    fn already_exists(&self, tag: Tag, mut files: Vec<FileEntry>) -> Error {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let stored = Metadata::read(&tag, &self.version_path(&tag));
        let identical = stored.is_ok_and(|stored| stored.files == files);
        Error::AlreadyExists { tag, identical }
    }
}

fn tag_of(options: &ImportOptions) -> Result<(Tag, Option<LoweredTag>)> {
    match &options.version {
        Some(version) => {
            let tag = Tag::new(&options.name, version)?;
            let lowered = LoweredTag::of(&format!("{}:{version}", options.name));
            Ok((tag, lowered))
        }
        None => {
            // Without a version of its own, so that a wrong name is reported as it was given.
            let name = TagRef::latest(&options.name)?;
            let tag = Tag::new(name.name(), &unique::version())?;
            Ok((tag, LoweredTag::of(&options.name)))
        }
    }
}

fn digest_all(source: &HuggingFaceDirectory) -> Result<Vec<FileEntry>> {
    source.files.iter().map(|name| Ok(FileEntry::new(name, digest(&source.file(name))?))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::staging;
    use super::super::testing::{a_model, import};
    use super::*;
    use crate::InferenceTask;

    #[test]
    fn the_tweet_sentiment_model_is_imported_whole() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");
        let options =
            ImportOptions::new("Tweet-Sentiment").version("1.0").label("stage", "test").metadata("accuracy", 0.7);

        let imported = store.import_directory(source, options).unwrap();

        let model = store.get(&"tweet-sentiment".parse().unwrap()).unwrap();
        assert_eq!(model, imported.model);
        assert_eq!(model.tag().to_string(), "tweet-sentiment:1.0");
        model.verify().unwrap();
        let metadata = model.metadata();
        assert_eq!(metadata.task, Some(InferenceTask::TextClassification));
        assert_eq!(metadata.signatures, [Signature::batchable("predict")]);
        assert_eq!(metadata.labels["stage"], "test");
        assert_eq!(metadata.metadata["accuracy"].as_float(), Some(0.7));
        assert!(metadata.size() > 5_000_000);
        assert!(model.verified_file("model.safetensors").unwrap().is_file());
        assert!(matches!(imported.warnings.as_slice(), [ImportWarning::Lowered(_)]));
    }

    #[test]
    fn importing_over_a_tag_says_whether_the_content_is_the_same() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let source = a_model();
        import(&store, source.path(), "bert:1");
        let again = || {
            let options = ImportOptions::new("bert").version("1");
            store.import_directory(source.path(), options).unwrap_err().to_string()
        };

        let identical = again();
        fs::write(source.path().join("README.md"), "other").unwrap();
        let different = again();

        assert!(identical.starts_with("`bert:1` is already in the store, with identical content; "), "{identical}");
        assert!(different.contains("with different content"), "{different}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_never_copied_as_links() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let blobs = a_model();
        let snapshot = tempfile::tempdir().unwrap();
        for name in ["config.json", "tokenizer.json", "model.safetensors"] {
            let link = snapshot.path().join(name);
            std::os::unix::fs::symlink(blobs.path().join(name), link).unwrap();
        }

        let model = import(&store, snapshot.path(), "bert:1");

        for file in &model.metadata().files {
            let kind = fs::symlink_metadata(model.path().join(&file.path)).unwrap();
            assert!(kind.is_file(), "{}", file.path);
        }
    }

    #[test]
    fn an_import_that_goes_wrong_leaves_the_store_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let source = a_model();
        fs::write(source.path().join("model.safetensors"), "not weights at all").unwrap();

        let error = store.import_directory(source.path(), ImportOptions::new("bert")).unwrap_err();

        assert!(
            error
                .to_string()
                .starts_with(&format!("{} is not usable", source.path().join("model.safetensors").display())),
            "{error}"
        );
        assert!(!staging::is_used(&store) && store.list().unwrap().is_empty());
    }

    #[test]
    fn pickles_beside_safetensors_are_left_out_with_a_warning() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let source = a_model();
        fs::write(source.path().join("pytorch_model.bin"), "x").unwrap();

        let imported = store.import_directory(source.path(), ImportOptions::new("bert")).unwrap();

        assert!(imported.model.file("pytorch_model.bin").is_err());
        assert!(!imported.model.path().join("pytorch_model.bin").exists());
        assert!(
            imported.warnings[0].to_string().contains("pytorch_model.bin was left out"),
            "{}",
            imported.warnings[0]
        );
    }

    #[test]
    fn a_store_that_cannot_be_written_is_named_in_the_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let home = file.join("home");

        let error = ModelStore::at(&home)
            .and_then(|store| store.import_directory(a_model().path(), ImportOptions::new("bert")))
            .unwrap_err();

        assert!(error.to_string().contains(&home.display().to_string()), "{error}");
        assert!(error.to_string().contains("RIVERRUN_HOME"), "{error}");
    }
}
