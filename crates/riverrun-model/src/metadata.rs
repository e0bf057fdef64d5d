//! What `model.toml` says about a version of a model.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Component, Path};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::digest::FileDigest;
use crate::error::{At, Error, Result};
use crate::format::ModelFormat;
use crate::tag::Tag;
use crate::task::InferenceTask;
use crate::tensor_spec::TensorSpec;

/// The name of the metadata file in a version's directory.
pub(crate) const METADATA_FILE: &str = "model.toml";

/// The largest `model.toml`, in bytes.
pub(crate) const MAX_METADATA: u64 = 8 << 20;

/// The version of the metadata's own format.
const SCHEMA: u32 = 1;

/// What is known about one version of a model: the content of its `model.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The version of this file's own format.
    pub schema: u32,
    /// The name of the model.
    pub name: String,
    /// The version of the model.
    pub version: String,
    /// When it was first imported into a store, to the microsecond; RFC 3339 in the file.
    #[serde(with = "rfc3339")]
    pub created: SystemTime,
    /// The library that it comes from: `transformers`, `onnx`, `xgboost`, `lightgbm`.
    #[serde(default = "of_older_files")]
    pub framework: String,
    /// What its files are.
    pub format: ModelFormat,
    /// The file that is the model, where one is: `model.onnx`, `booster.ubj`. Of an ONNX model it says which graph was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<String>,
    /// What it is for, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<InferenceTask>,
    /// What can be called on it.
    #[serde(default)]
    pub signatures: Vec<Signature>,
    /// What it takes, where its file declares that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<TensorSpec>,
    /// What it gives, where its file declares that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<TensorSpec>,
    /// Labels that the user gave it, to find it by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Anything else the user wants to keep with it.
    #[serde(default)]
    pub metadata: toml::Table,
    /// Every file of the model but this one, sorted by path.
    pub files: Vec<FileEntry>,
}

/// Before there was anything else, everything was of `transformers`.
fn of_older_files() -> String {
    ModelFormat::Safetensors.framework().to_owned()
}

/// A method that can be called on a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Signature {
    /// The name of the method.
    pub method: String,
    /// Whether several calls may be put together into one.
    pub batchable: bool,
    /// The dimension along which they are put together.
    pub batch_dim: usize,
}

impl Signature {
    /// A method that is batchable along the first dimension.
    pub fn batchable(method: impl Into<String>) -> Self {
        Self { method: method.into(), batchable: true, batch_dim: 0 }
    }
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileEntry {
    /// Where it is, relative to the model's directory, with `/` between parts.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its content as 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl FileEntry {
    pub(crate) fn new(path: impl Into<String>, digest: FileDigest) -> Self {
        Self { path: path.into(), size: digest.size, sha256: digest.sha256 }
    }
}

impl Metadata {
    /// Metadata of a version that is created now.
    pub(crate) fn new(tag: &Tag, format: ModelFormat, mut files: Vec<FileEntry>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self {
            schema: SCHEMA,
            name: tag.name().to_owned(),
            version: tag.version().to_owned(),
            created: now(),
            framework: format.framework().to_owned(),
            format,
            main: None,
            task: None,
            signatures: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            labels: BTreeMap::new(),
            metadata: toml::Table::new(),
            files,
        }
    }

    /// How many bytes the files have together.
    pub fn size(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// Reads and checks the metadata of `tag` in its directory.
    pub(crate) fn read(tag: &Tag, directory: &Path) -> Result<Self> {
        let path = directory.join(METADATA_FILE);
        let corrupt = |problem: String| Error::CorruptMetadata { tag: tag.clone(), path: path.clone(), problem };
        let mut bytes = Vec::new();
        match fs::File::open(&path).and_then(|file| file.take(MAX_METADATA + 1).read_to_end(&mut bytes)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(corrupt("the file is missing".into()));
            }
            read => read.at("read", &path)?,
        };
        if bytes.len() as u64 > MAX_METADATA {
            return Err(corrupt(format!("it has more than {} MiB", MAX_METADATA >> 20)));
        }
        let text = String::from_utf8(bytes).map_err(|_| corrupt("it is not UTF-8".into()))?;

        let metadata = Self::parse(&text).map_err(corrupt)?;
        metadata.check(tag).map_err(corrupt)?;
        Ok(metadata)
    }

    /// Reads metadata, and says what is wrong with it in one line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // The schema first: a newer one may have fields whose meaning changed.
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        let located = |error: toml::de::Error| locate(text, &error);
        let Schema { schema } = toml::from_str(text).map_err(located)?;
        if schema > SCHEMA {
            return Err(format!("it was written by a newer Riverrun (schema {schema}, this one knows {SCHEMA})"));
        }
        toml::from_str(text).map_err(located)
    }

    pub(crate) fn to_toml(&self, tag: &Tag) -> Result<String> {
        let unwritable = |problem: String| Error::UnwritableMetadata { tag: tag.clone(), problem };
        let text = toml::to_string(self).map_err(|error| unwritable(error.to_string()))?;
        // What is written has to be read again.
        if text.len() as u64 > MAX_METADATA {
            return Err(unwritable(format!("it would have more than {} MiB", MAX_METADATA >> 20)));
        }
        Ok(text)
    }

    fn check(&self, tag: &Tag) -> Result<(), String> {
        if self.name != tag.name() || self.version != tag.version() {
            return Err(format!("it belongs to `{}:{}`", self.name, self.version));
        }
        for file in &self.files {
            // Whoever opens a file of the model joins this to a directory.
            let inside = !file.path.contains('\\')
                && Path::new(&file.path).components().count() > 0
                && Path::new(&file.path).components().all(|part| matches!(part, Component::Normal(_)));
            if !inside {
                return Err(format!("the path `{}` leaves the model", file.path));
            }
        }
        Ok(())
    }
}

/// One line for a message, instead of the parser's drawing.
fn locate(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', ", ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message,
    }
}

/// Now, to the microsecond, as the file keeps it.
pub(crate) fn now() -> SystemTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::new(since.as_secs(), since.subsec_micros() * 1000)
}

mod rfc3339 {
    use std::time::SystemTime;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_rfc3339_micros(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_rfc3339(&text)
            .map_err(|error| D::Error::custom(format!("`{text}` is not an RFC 3339 time: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(tag: &Tag) -> Metadata {
        let digest = FileDigest { size: 3, sha256: "ba".repeat(32) };
        let mut metadata = Metadata::new(tag, ModelFormat::Safetensors, vec![FileEntry::new("config.json", digest)]);
        metadata.task = Some(InferenceTask::TextClassification);
        metadata.signatures.push(Signature::batchable("predict"));
        metadata.labels.insert("stage".into(), "dev \"1\"".into());
        metadata.metadata.insert("accuracy".into(), toml::Value::Float(0.5));
        metadata
    }

    #[test]
    fn metadata_survives_being_written_and_read() {
        let directory = tempfile::tempdir().unwrap();
        let tag: Tag = "bert:1".parse().unwrap();
        let written = sample(&tag);
        let text = written.to_toml(&tag).unwrap();
        fs::write(directory.path().join(METADATA_FILE), &text).unwrap();

        let read = Metadata::read(&tag, directory.path()).unwrap();

        assert_eq!(read, written);
        assert!(text.contains("task = \"text-classification\""), "{text}");
        assert!(text.contains("format = \"safetensors\""), "{text}");
    }

    #[test]
    fn metadata_that_could_not_be_read_again_is_not_written() {
        let tag: Tag = "bert:1".parse().unwrap();
        let mut large = sample(&tag);
        large.metadata.insert("notes".into(), toml::Value::String("x".repeat(8 << 20)));

        let message = large.to_toml(&tag).unwrap_err().to_string();

        assert!(message.contains("more than 8 MiB"), "{message}");
    }

    #[test]
    fn unusable_metadata_is_an_error_of_one_line_that_says_where_and_what_next() {
        let directory = tempfile::tempdir().unwrap();
        let tag: Tag = "bert:1".parse().unwrap();
        let good = sample(&tag).to_toml(&tag).unwrap();
        let cases = [
            (good[..40].to_owned(), "line "),
            (good.replace("schema = 1", "schema = 9"), "newer Riverrun"),
            (good.replace("name = \"bert\"", "name = \"gpt\""), "belongs to `gpt:1`"),
            (good.replace("config.json", "../config.json"), "leaves the model"),
            (good.replace("config.json", "/etc/passwd"), "leaves the model"),
            (format!("{good}#{}", "x".repeat(8 << 20)), "it has more than 8 MiB"),
        ];
        for (text, expected) in cases {
            fs::write(directory.path().join(METADATA_FILE), text).unwrap();

            let message = Metadata::read(&tag, directory.path()).unwrap_err().to_string();

            assert!(message.contains(expected), "{message}");
            assert!(message.contains("riverrun models delete bert:1") && !message.contains('\n'), "{message}");
        }
    }
}
