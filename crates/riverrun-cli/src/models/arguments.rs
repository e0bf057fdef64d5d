//! The command line of `riverrun models`.

use std::path::PathBuf;

use crate::apply::precision;
use crate::cli::at_least_one;
use clap::{Args, Subcommand, ValueEnum};
use riverrun::inference::Precision;
use riverrun::model::{ArchiveLimits, HubReference, InferenceTask, LabelChange, ModelFormat, Value};

#[derive(Debug, Args)]
#[command(after_help = "\
A TAG is `name:version`; `name` alone means its latest version.
Exit codes: 0 done, 1 failed, 2 wrong usage.

Example:
  riverrun models import models/tweet-sentiment --name tweet-sentiment --version 1.0
  riverrun models list --output json")]
pub(crate) struct ModelsArguments {
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
    /// How to show the result: for people, or for programs
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: Form,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    #[default]
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the versions of all models, or of one
    #[command(after_help = "Example:\n  riverrun models list --label stage=production")]
    List {
        /// Only the versions of this model
        name: Option<String>,
        /// Only those with this label, or with this value of it
        #[arg(long = "label", value_name = "KEY[=VALUE]")]
        labels: Vec<String>,
    },
    /// Show what is known about a model: task, inputs, outputs, labels, files
    Get {
        /// `name:version`, or `name` for its latest version
        tag: String,
    },
    /// Make a version the latest one of its name
    Promote {
        /// `name:version`
        tag: String,
    },
    /// Bring a directory, a file or an archive into the store
    #[command(after_help = "\
What can be imported: a Hugging Face directory with its weights in safetensors, an
ONNX file or directory, a model of XGBoost (.json, .ubj) or LightGBM (.txt), a
directory of BentoML's store, an archive that `riverrun models export` wrote.

Example:
  riverrun models import models/tweet-sentiment --name text-classification")]
    Import(ImportArguments),
    /// Bring a model from the Hugging Face hub into the store
    #[command(after_help = "\
Safetensors, ONNX and tokenizer files are fetched and verified, never a Python pickle.
The environment: HF_TOKEN, HF_ENDPOINT (a mirror), HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE.

Example:
  riverrun models pull hf:sentence-transformers/all-MiniLM-L6-v2 --name minilm")]
    Pull(PullArguments),
    /// Compare what can compute a model on this machine, and remember the best
    #[command(after_help = "\
A model in safetensors is computed by the native encoder in every precision, an ONNX
model by RTen and, where it is installed, ONNX Runtime. The best backend of an ONNX model
computes it on this machine from then on; a precision is never chosen for you.

Example:
  riverrun models bench sentiment-onnx --input tweets.txt")]
    Bench(BenchArguments),
    /// Store a version with rounded weights, if it still gives the same answers
    #[command(after_help = "\
The new version is compared with the model in f32, and stored with what was measured. Below
a threshold it is not stored, and the exit code is 1. Give texts of the kind that the model
is for and was not trained with: the 2,000 that are built in stand for no model in particular.

Example:
  riverrun models quantize tweet-sentiment --precision int8-faithful --sample tweets.txt")]
    Quantize(QuantizeArguments),
    /// Write a model to one file
    #[command(after_help = "\
Example:
  riverrun models export tweet-sentiment:1.0
  riverrun models export tweet-sentiment - | ssh host riverrun models import -")]
    Export {
        /// `name:version`, or `name` for its latest version
        tag: String,
        /// The file, a directory for it, or `-` for standard output [default: NAME-VERSION.tar.zst]
        file: Option<PathBuf>,
        /// Overwrite the file if it is there
        #[arg(long)]
        force: bool,
    },
    /// Set and remove labels of a model, and show them
    #[command(after_help = "Example:\n  riverrun models label tweet-sentiment:1.0 stage=production candidate-")]
    Label {
        /// `name:version`, or `name` for its latest version
        tag: String,
        /// `KEY=VALUE` sets a label, `KEY-` removes it
        #[arg(value_name = "LABEL", value_parser = label)]
        changes: Vec<LabelChange>,
    },
    /// Delete a version of a model
    Delete {
        /// `name:version`
        tag: String,
    },
    /// Print the directory that holds a model's files
    Path {
        /// `name:version`, or `name` for its latest version
        tag: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// `name:version`, or `name` for its latest version
    pub(crate) tag: String,
    /// Measure with the records of this file: lines of text, or JSON (.jsonl)
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Measure so many times [default: 5]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) rounds: Option<usize>,
    /// Forget what was measured before, and measure nothing
    #[arg(long, conflicts_with_all = ["input", "rounds"])]
    pub(crate) forget: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QuantizeArguments {
    /// `name:version`, or `name` for its latest version
    pub(crate) tag: String,
    /// The numbers of the weights: int8, int8-faithful or bf16
    #[arg(long, default_value = "int8", value_parser = precision)]
    pub(crate) precision: Precision,
    /// Compare on the lines of this file [default: 2,000 texts that are built in]
    #[arg(long, value_name = "FILE")]
    pub(crate) sample: Option<PathBuf>,
    /// The least share of texts with the same answer, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.97", value_parser = share)]
    pub(crate) min_agreement: f64,
    /// The largest mean difference of scores [default: any]
    #[arg(long, value_name = "DIFFERENCE", value_parser = difference)]
    pub(crate) max_difference: Option<f64>,
    /// The name to keep it under [default: the model's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Its version [default: the model's with the precision behind it, as in 1.0-int8]
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// Leave `NAME:latest` where it is
    #[arg(long)]
    pub(crate) no_promote: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// What to import; `-` reads an archive from standard input
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) keep: KeepArguments,
    /// What to take the files for [default: found by looking at them]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct PullArguments {
    /// `hf:org/name`, or `hf:org/name@revision` for a branch, a tag or a commit
    #[arg(value_name = "REPOSITORY", value_parser = reference)]
    pub(crate) reference: HubReference,
    #[command(flatten)]
    pub(crate) keep: KeepArguments,
    /// Take `onnx` where there are safetensors too, or nothing but `safetensors`
    #[arg(long, value_enum)]
    pub(crate) format: Option<HubFormat>,
    /// The ONNX file to take, such as onnx/model_int8.onnx
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<String>,
    /// A file with the token, in place of HF_TOKEN
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Look at the local cache only
    #[arg(long)]
    pub(crate) offline: bool,
}

/// How a new version is kept.
#[derive(Debug, Args)]
pub(crate) struct KeepArguments {
    /// The name to keep it under [default: its own, or its repository's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Its version [default: its own, the start of its commit, or the time]
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// Leave `NAME:latest` where it is
    #[arg(long)]
    pub(crate) no_promote: bool,
    /// A label to find it by; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = set_label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Anything to keep with it: a number, true, false, text; repeatable
    #[arg(long = "metadata", value_name = "KEY=VALUE", value_parser = metadata)]
    pub(crate) metadata: Vec<(String, Value)>,
    /// What the model is for, such as text-classification [default: as its configuration says]
    #[arg(long)]
    pub(crate) task: Option<InferenceTask>,
    /// The most bytes to unpack or to fetch, such as 500MB [default: 64GiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_size: Option<u64>,
}

impl KeepArguments {
    pub(crate) fn limits(&self) -> ArchiveLimits {
        let limits = ArchiveLimits::default();
        self.max_size.map_or(limits.clone(), |size| limits.bytes(size))
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum HubFormat {
    Safetensors,
    Onnx,
}

impl From<HubFormat> for ModelFormat {
    fn from(format: HubFormat) -> Self {
        match format {
            HubFormat::Safetensors => Self::Safetensors,
            HubFormat::Onnx => Self::Onnx,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Safetensors,
    Onnx,
    Xgboost,
    Lightgbm,
}

impl From<Format> for ModelFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Safetensors => Self::Safetensors,
            Format::Onnx => Self::Onnx,
            Format::Xgboost => Self::Xgboost,
            Format::Lightgbm => Self::Lightgbm,
        }
    }
}

fn reference(text: &str) -> Result<HubReference, String> {
    text.parse().map_err(|error: riverrun::model::Error| error.to_string())
}

fn label(text: &str) -> Result<LabelChange, String> {
    LabelChange::parse(text).map_err(|error| error.to_string())
}

fn set_label(text: &str) -> Result<(String, String), String> {
    match label(text)? {
        LabelChange::Set(key, value) => Ok((key, value)),
        LabelChange::Remove(_) => Err("write `key=value`".into()),
    }
}

/// A number, `true`, `false` or a text in quotes as TOML writes them, or else the text as it is.
fn metadata(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("write `key=value`")?;
    let parsed = format!("value = {value}").parse::<riverrun::model::Table>();
    // One line that is no value could be several entries: then it is a text.
    let parsed = parsed.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    // Dates, and numbers that are none, mean something else in every other form that the metadata is shown in.
    let parsed = parsed.filter(|value| match value {
        Value::Integer(_) | Value::Boolean(_) | Value::String(_) => true,
        Value::Float(number) => number.is_finite(),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => false,
    });
    Ok((key.to_owned(), parsed.unwrap_or_else(|| value.into())))
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "give a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("give a number from 0 to 1, such as 0.97".into()) }
}

fn difference(text: &str) -> Result<f64, String> {
    let difference: f64 = text.parse().map_err(|_| "give a number from 0 on".to_owned())?;
    if difference >= 0.0 { Ok(difference) } else { Err("give a number from 0 on, such as 0.015".into()) }
}

/// Bytes, as in `500MB` or `64GiB`.
fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 10] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("b", 1),
        ("", 1),
    ];
    let lower = text.to_ascii_lowercase();
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, factor)));
    unit.and_then(|(number, factor)| number.trim().parse::<u64>().ok()?.checked_mul(*factor))
        .ok_or_else(|| "give a size such as 500MB or 64GiB".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_both_kinds_of_units() {
        assert_eq!(size("500MB"), Ok(500_000_000));
        assert_eq!(size("64 GiB"), Ok(64 << 30));
        assert_eq!(size("12"), Ok(12));
        assert!(size("-1").is_err() && size("99999999TB").is_err() && size("many").is_err());
    }

    #[test]
    fn metadata_is_a_value_where_it_reads_as_one_and_a_text_otherwise() {
        assert_eq!(metadata("accuracy=0.5").unwrap().1.as_float(), Some(0.5));
        assert_eq!(metadata("epochs=3").unwrap().1.as_integer(), Some(3));
        assert_eq!(metadata("set=tweets").unwrap().1.as_str(), Some("tweets"));
        for text in ["2024-05-01", "2024-05-01T10:00:00Z", "10:00:00", "nan", "-inf", "[1, 2]", "{a = 1}"] {
            assert_eq!(metadata(&format!("it={text}")).unwrap().1.as_str(), Some(text));
        }
        assert_eq!(metadata("set=1\nx=2").unwrap().1.as_str(), Some("1\nx=2"));
        assert!(metadata("set").is_err() && metadata("=1").is_err());
    }
}
