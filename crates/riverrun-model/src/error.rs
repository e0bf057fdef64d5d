//! Everything that can go wrong with a model in the store.

use std::io;
use std::path::{Path, PathBuf};

use crate::format::ModelFormat;
use crate::suggestions::Suggestions;
use crate::tag::{Tag, TagRef};

/// The result of an operation on tags, models or the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who can do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorDomain {
    /// What was asked for cannot be done; asking differently can.
    User,
    /// The disk, its permissions or its content stand in the way.
    External,
    /// A bug in Riverrun.
    Internal,
}

/// What went wrong with a tag, a model or the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text does not follow the grammar of tags.
    #[error(
        "`{text}` is not a tag: its {part} {problem}; a tag is `name:version`, each of a-z, 0-9, `-`, `.` and `_`, \
         with a letter or digit first and last, at most 63 characters long"
    )]
    InvalidTag {
        /// The text as it was given.
        text: String,
        /// `name` or `version`.
        part: &'static str,
        /// What is wrong with that part.
        problem: String,
    },

    /// A tag ends at its colon.
    #[error("`{name}:` has no version; did you mean `{name}:latest`?")]
    EmptyVersion {
        /// The name before the colon.
        name: String,
    },

    /// An exact tag is needed, and the text names no version.
    #[error("`{name}` names no exact version; write `{name}:VERSION`, `riverrun models list` shows which there are")]
    NotExact {
        /// The name that was given.
        name: String,
    },

    /// A version is called `latest`.
    #[error("a version of `{name}` cannot be called `latest`, the name of the pointer to one; choose another version")]
    ReservedVersion {
        /// The name that was given.
        name: String,
    },

    /// A model could not be found under the tag that was asked for.
    #[error(
        "no model `{tag}` in the store at {store}{near}; `riverrun models list` shows what is there, \
         `riverrun models import DIR --name {name}` adds one", name = tag.name()
    )]
    NotFound {
        /// The tag that was asked for.
        tag: TagRef,
        /// The store's home directory.
        store: PathBuf,
        /// Tags that are there and look alike.
        near: Suggestions,
    },

    /// A name has versions, but its `latest` pointer is missing or points at none of them.
    #[error(
        "no version of `{name}` is its latest one in the store at {store}; `riverrun models promote {newest}` makes \
         the newest so, or ask for a version", name = newest.name()
    )]
    NoLatest {
        /// The newest version that is there.
        newest: Tag,
        /// The store's home directory.
        store: PathBuf,
    },

    /// An import under a tag that is taken.
    #[error(
        "`{tag}` is already in the store, with {}; import under another version, or make room with \
         `riverrun models delete {tag}`",
        if *.identical { "identical content" } else { "different content" }
    )]
    AlreadyExists {
        /// The tag that is taken.
        tag: Tag,
        /// Whether every file of the import is the same as the stored one.
        identical: bool,
    },

    /// A pull under a tag that is taken by a model that was kept otherwise than is asked for now.
    #[error(
        "`{tag}` is already in the store, with {stored}, and {asked} was asked for; pull it with another \
         `--name` or `--version`, or make room with `riverrun models delete {tag}`"
    )]
    KeptOtherwise {
        /// The tag that is taken.
        tag: Tag,
        /// What is stored and differs, as in `the task fill-mask`.
        stored: String,
        /// What was asked for.
        asked: String,
    },

    /// The metadata of a stored model is unusable.
    #[error(
        "the metadata of `{tag}` at {path} is unusable: {problem}; remove the model with \
         `riverrun models delete {tag}` and import it again"
    )]
    CorruptMetadata {
        /// The model whose metadata it is.
        tag: Tag,
        /// The `model.toml`.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// Metadata that cannot be written as TOML.
    #[error("the metadata of `{tag}` cannot be written as TOML: {problem}; leave out the value it names")]
    UnwritableMetadata {
        /// The model whose metadata it is.
        tag: Tag,
        /// What is wrong with it.
        problem: String,
    },

    /// A file that the metadata does not list was asked for.
    #[error("the model `{tag}` has no file `{file}`; it has {present}")]
    NoSuchFile {
        /// The model that was asked.
        tag: Tag,
        /// The file that was asked for, relative to the model.
        file: String,
        /// The files that the metadata lists.
        present: String,
    },

    /// A file of a stored model is not the one that was imported.
    #[error(
        "{path} of the model `{tag}` was changed after its import: expected {expected}, found {actual}; remove the \
         model with `riverrun models delete {tag}` and import it again"
    )]
    Mismatch {
        /// The model whose file it is.
        tag: Tag,
        /// The file.
        path: PathBuf,
        /// The recorded size and SHA-256.
        expected: String,
        /// The size and SHA-256 of what is there.
        actual: String,
    },

    /// The path to import is not a directory.
    #[error(
        "{path} is not a directory; give the directory that holds config.json, tokenizer.json and model.safetensors"
    )]
    NotADirectory {
        /// The path that was given.
        path: PathBuf,
    },

    /// A directory to import lacks a file.
    #[error("{directory} has no {file}; {advice}")]
    MissingFile {
        /// The directory to import.
        directory: PathBuf,
        /// The file that is missing.
        file: String,
        /// Where it can come from.
        advice: &'static str,
    },

    /// A directory to import has its weights only as Python pickles.
    #[error(
        "{file} is a Python pickle, which can run any code when it is read, so Riverrun never reads one; if you \
         trust it, convert it to safetensors with `{command}` and import {directory}"
    )]
    PickleOnly {
        /// The pickle.
        file: PathBuf,
        /// What converts it.
        command: String,
        /// Where the converted model will be.
        directory: PathBuf,
    },

    /// A file of a directory to import is not what its name says.
    #[error("{path} is not usable: {problem}; download it again")]
    UnusableFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// A file has a name that it cannot be kept under.
    #[error("{} cannot be kept in a model: {problem}; rename it, and what names it", path.display().to_string().escape_debug())]
    UnusableName {
        /// The file.
        path: PathBuf,
        /// What is wrong with its name.
        problem: String,
    },

    /// An archive has a model in another format than was asked for.
    #[error("{path} has a model in {format}, and {asked} was asked for; leave out `--format`, or import another file")]
    OtherFormat {
        /// The archive.
        path: PathBuf,
        /// What it has.
        format: ModelFormat,
        /// What was asked for.
        asked: ModelFormat,
    },

    /// What was given to import is nothing that can be.
    #[error("{path} is no model that can be imported; {advice}")]
    NotAModel {
        /// The path that was given.
        path: PathBuf,
        /// What can be imported.
        advice: &'static str,
    },

    /// A directory has several ONNX files, and none has the usual name.
    #[error("{directory} has several models: {files}; give the path of one of them")]
    SeveralModels {
        /// The directory that was given.
        directory: PathBuf,
        /// The models in it.
        files: String,
    },

    /// A directory of BentoML's store has a model of a library that saves Python pickles.
    #[error(
        "{directory} was saved by `{module}`, which keeps models in a form that only Python reads, so Riverrun does \
         not; convert the model to ONNX (`skl2onnx`, `torch.onnx.export`, `tf2onnx`) and import the .onnx file"
    )]
    ForeignFramework {
        /// The directory that was given.
        directory: PathBuf,
        /// The module of BentoML that saved it.
        module: String,
    },

    /// What is imported has no name of its own, and none was given.
    #[error("{path} says no name for the model; give one with `--name NAME`")]
    NoName {
        /// The path that was given.
        path: PathBuf,
    },

    /// A label that cannot be kept.
    #[error("the label `{text}` {problem}; write `key=value` to set one and `key-` to remove it")]
    InvalidLabel {
        /// The label as it was given.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// An archive is damaged, hostile, or none at all.
    #[error(
        "the archive {archive} was refused and nothing of it was kept: {problem}; write it again with \
         `riverrun models export TAG`, or ask whoever made it"
    )]
    RefusedArchive {
        /// The archive, or where it came from.
        archive: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// A file that an export would write is there already.
    #[error("{path} is there already; remove it, export to another file, or overwrite it with `--force`")]
    FileExists {
        /// The file.
        path: PathBuf,
    },

    /// A text names no model on the hub.
    #[error("`{text}` {problem}; write `hf:org/name`, or `hf:org/name@revision`")]
    InvalidHubReference {
        /// The text as it was given.
        text: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The address of the hub is none.
    #[error("`{endpoint}` is no address of a hub; set HF_ENDPOINT to one such as https://mirror.example, or unset it")]
    InvalidEndpoint {
        /// The address as it was given.
        endpoint: String,
    },

    /// What was given as a token for the hub cannot be one.
    #[error(
        "the token for the hub {place} is not one line of letters and digits; copy it again from the hub's settings"
    )]
    InvalidToken {
        /// Where it was found, as in `in HF_TOKEN`.
        place: String,
    },

    /// The hub does not give what was asked for.
    #[error("the hub does not give {repository}: {problem} (HTTP status {status}); {advice}")]
    HubRefused {
        /// The repository.
        repository: String,
        /// The status of its answer.
        status: u16,
        /// What it means.
        problem: String,
        /// What to do about it.
        advice: String,
    },

    /// The hub could not be reached, or did not answer as it should, several times.
    #[error(
        "{problem} ({attempts} {}); run the command again to go on where it ended, or set HF_ENDPOINT to another hub than \
         {endpoint}", if *attempts == 1 { "attempt" } else { "attempts in a row" }
    )]
    HubUnavailable {
        /// The address of the hub.
        endpoint: String,
        /// What happened last.
        problem: String,
        /// How many times it happened.
        attempts: u32,
    },

    /// A secure connection to the hub cannot be made, and trying again would not change it.
    #[error(
        "no secure connection to {host}: {problem}; check HF_ENDPOINT, and if a proxy stands between, add its certificate \
         to those that the system trusts"
    )]
    HubUntrusted {
        /// The host that was asked.
        host: String,
        /// What is wrong with its certificate, or with what it says.
        problem: String,
    },

    /// The hub contradicts itself, or sends what nothing can be made of.
    #[error("{file} {problem}, so it was refused; try again later, and if it stays so tell whoever runs the hub")]
    HubAnswer {
        /// The file or the repository.
        file: String,
        /// What is wrong with the answer.
        problem: String,
    },

    /// A model on the hub is larger than is allowed.
    #[error("{file} makes the model larger than {most} bytes; allow more with `--max-size` if that is meant")]
    TooLarge {
        /// The file with which it is.
        file: String,
        /// How many bytes are allowed.
        most: u64,
    },

    /// A model is not in the cache, and nothing else may be asked.
    #[error("{reference} is not in the cache at {cache}{reason}; pull it once without `--offline` and HF_HUB_OFFLINE")]
    NotCached {
        /// The model.
        reference: String,
        /// The cache.
        cache: PathBuf,
        /// What more is known; begins with a comma where it is not empty.
        reason: String,
    },

    /// No place for the store could be found.
    #[error("there is no home directory to keep models in; set RIVERRUN_HOME to a directory for the store")]
    NoHome,

    /// The operating system refused an operation on a file or directory.
    #[error("cannot {doing} {path}: {source}; {advice}")]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What to do about it.
        advice: &'static str,
        /// The operating system's answer.
        source: io::Error,
    },
}

impl Error {
    /// Who can do something about it.
    pub fn domain(&self) -> ErrorDomain {
        match self {
            Self::Io { .. }
            | Self::CorruptMetadata { .. }
            | Self::Mismatch { .. }
            | Self::NoHome
            | Self::HubUnavailable { .. }
            | Self::HubUntrusted { .. }
            | Self::HubAnswer { .. } => ErrorDomain::External,
            _ => ErrorDomain::User,
        }
    }

    /// Whether the same call may succeed later with nothing else changed.
    ///
    /// True for a disk that is full for now, a device that is busy, a call that was interrupted and a hub that does not answer.
    pub fn is_retryable(&self) -> bool {
        if matches!(self, Self::HubUnavailable { .. }) {
            return true;
        }
        use io::ErrorKind::{Interrupted, QuotaExceeded, ResourceBusy, StorageFull, TimedOut, WouldBlock};
        let Self::Io { source, .. } = self else {
            return false;
        };
        matches!(source.kind(), StorageFull | QuotaExceeded | ResourceBusy | Interrupted | TimedOut | WouldBlock)
    }

    /// The error for a file that is not in the store.
    pub(crate) fn outside(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let advice = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space, or name a file on another disk"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "change its permissions, or name another file"
            }
            io::ErrorKind::NotFound if matches!(doing, "read" | "find") => "check the path",
            io::ErrorKind::NotFound => "make its directory, or name another file",
            io::ErrorKind::BrokenPipe => "what should have read it has ended",
            _ => "check the disk, or name another file",
        };
        Self::Io { doing, path: path.to_owned(), advice, source }
    }

    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let advice = match source.kind() {
            io::ErrorKind::StorageFull => "free some space, or set RIVERRUN_HOME to a directory on a larger disk",
            io::ErrorKind::QuotaExceeded => {
                "free some of your quota, or set RIVERRUN_HOME to a directory on another disk"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "change its permissions, or set RIVERRUN_HOME to a directory that you can write"
            }
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::NotADirectory => {
                "a file stands where a directory should be: move it away, or set RIVERRUN_HOME to another place"
            }
            io::ErrorKind::CrossesDevices => "keep `models` and `.staging` of the store on one file system",
            io::ErrorKind::Unsupported => {
                "set RIVERRUN_HOME to a directory on a local file system, which has file locks"
            }
            _ => "check the disk, or set RIVERRUN_HOME to a directory on another one",
        };
        Self::Io { doing, path: path.to_owned(), advice, source }
    }
}

/// Says what was being done to which path when an operation of the operating system did not work.
pub(crate) trait At<T> {
    /// `doing` is a verb, as in "cannot `write` /store/model.toml".
    fn at(self, doing: &'static str, path: &Path) -> Result<T>;

    /// The same for a file that is not in the store.
    fn at_outside(self, doing: &'static str, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, doing: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::io(doing, path, source))
    }

    fn at_outside(self, doing: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::outside(doing, path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_model_is_reported_with_what_is_near_and_what_to_do() {
        let error = Error::NotFound {
            tag: "tweet-sentimant:1.0".parse().unwrap(),
            store: "/store".into(),
            near: Suggestions::near("tweet-sentimant", ["tweet-sentiment".to_owned()]),
        };

        assert_eq!(
            error.to_string(),
            "no model `tweet-sentimant:1.0` in the store at /store (did you mean `tweet-sentiment`?); \
             `riverrun models list` shows what is there, `riverrun models import DIR --name tweet-sentimant` adds one"
        );
    }

    #[test]
    fn a_full_disk_can_be_retried_and_a_missing_permission_cannot() {
        let full = Error::io("write", Path::new("/store/a"), io::ErrorKind::StorageFull.into());
        let denied = Error::io("write", Path::new("/store/a"), io::ErrorKind::PermissionDenied.into());

        assert!(full.is_retryable() && !denied.is_retryable());
        assert!(full.to_string().contains("free some space"), "{full}");
        assert!(denied.to_string().contains("permissions"), "{denied}");
    }
}
