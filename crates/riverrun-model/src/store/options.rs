//! What an import and an export are told, and what they say.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::archive::ArchiveLimits;
use crate::format::ModelFormat;
use crate::model::Model;
use crate::progress::{Progress, Watcher};
use crate::tag::{LoweredTag, Tag, TagRef};
use crate::task::InferenceTask;

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
    /// The name of the model; what is imported may have one of its own when this is `None`.
    pub name: Option<String>,
    /// Its version; when this is `None`, the one it has, or a new one that is made from the time.
    pub version: Option<String>,
    /// Whether the import becomes the latest version of its name. True unless changed.
    pub promote: bool,
    /// Labels to find it by, beside those it has.
    pub labels: BTreeMap<String, String>,
    /// Anything else to keep with it, beside what it has.
    pub metadata: toml::Table,
    /// What to take the files for; found by looking at them when this is `None`.
    pub format: Option<ModelFormat>,
    /// What the model is for; found in its configuration when this is `None`.
    pub task: Option<InferenceTask>,
    /// How much an archive may hold, and a model on the hub.
    pub limits: ArchiveLimits,
    /// The ONNX file to take of a directory, where the usual one is not meant.
    pub(crate) main: Option<String>,
    /// What the model is for if nothing else says it.
    pub(crate) fallback_task: Option<InferenceTask>,
    pub(crate) progress: Watcher,
}

impl ImportOptions {
    /// Imports as a new version of `name` that becomes its latest one.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
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

    /// Takes the files for this format, whatever else lies beside them.
    #[must_use]
    pub fn format(mut self, format: ModelFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Says what the model is for.
    #[must_use]
    pub fn task(mut self, task: InferenceTask) -> Self {
        self.task = Some(task);
        self
    }

    /// Sets how much an archive may hold.
    #[must_use]
    pub fn limits(mut self, limits: ArchiveLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Has `progress` told how far the import is.
    #[must_use]
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = Watcher(progress);
        self
    }

    /// Adds a value to the free metadata.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<toml::Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}

impl Default for ImportOptions {
    /// Imports under the name that an archive or a directory of BentoML's store has, as its latest version.
    fn default() -> Self {
        Self {
            name: None,
            version: None,
            promote: true,
            labels: BTreeMap::new(),
            metadata: toml::Table::new(),
            format: None,
            task: None,
            limits: ArchiveLimits::default(),
            main: None,
            fallback_task: None,
            progress: Watcher::default(),
        }
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
                "{} was left out: it is a Python pickle, which is never read, and the model does without it",
                file.display()
            ),
            Self::UnknownTask { architecture: Some(architecture) } => {
                write!(
                    f,
                    "no inference task is known for `{architecture}`: the model is stored without a signature; say what it is for with `--task`"
                )
            }
            Self::UnknownTask { architecture: None } => {
                f.write_str("nothing says what the model is for: give its inference task with `--task` if it has one")
            }
        }
    }
}

/// How a model is exported.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// Whether a file that is there already is overwritten. False unless changed.
    pub overwrite: bool,
    pub(crate) progress: Watcher,
}

impl ExportOptions {
    /// Writes a new file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Overwrites a file that is there already.
    #[must_use]
    pub fn overwrite(mut self) -> Self {
        self.overwrite = true;
        self
    }

    /// Has `progress` told how far the export is.
    #[must_use]
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = Watcher(progress);
        self
    }
}

/// A model that was exported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exported {
    /// The model.
    pub model: Model,
    /// The archive; empty when it was written to a stream.
    pub path: PathBuf,
    /// The size of the archive in bytes.
    pub size: u64,
    /// The SHA-256 of the archive as 64 lower-case hexadecimal digits.
    pub sha256: String,
}
