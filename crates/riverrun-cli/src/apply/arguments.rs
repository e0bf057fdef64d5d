//! What all commands that apply a model have among their arguments.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use riverrun::inference::Precision;
use riverrun::runner::wire::Map;
use serde_json::Value;

use crate::cli::at_least_one;

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// A model's tag, and the files to read
    #[arg(value_name = "TAG or FILE")]
    pub(super) arguments: Vec<PathBuf>,
    /// The model; every other argument is a file then
    #[arg(short, long, value_name = "TAG")]
    pub(super) model: Option<String>,
    /// What the files hold [default: by their names; else lines of text]
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,
    /// Write to this file, and what is wrong with bad lines to FILE.errors
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Compute on at most N cores [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(super) parallelism: Option<usize>,
    /// Compute in f32 (the default), bf16, int8-faithful or int8
    #[arg(long, value_parser = precision)]
    pub(super) precision: Option<Precision>,
}

/// For tasks that a service can do as well.
#[derive(Debug, Args)]
pub(crate) struct ServiceArgument {
    /// Have an inference service do it; every argument is a file then
    #[arg(long, value_name = "URL", conflicts_with_all = ["parallelism", "precision"])]
    service: Option<String>,
}

impl ServiceArgument {
    pub(crate) fn url(&self) -> Option<&str> {
        self.service.as_deref()
    }
}

/// How records stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // A text on each line
    Text,
    // A JSON value on each line: a text, or an object such as {"text", "text_pair"}
    Jsonl,
    // Comma-separated columns, named by the first row
    Csv,
    // As CSV, separated by tabs
    Tsv,
    // Each file is an image; standard input lists their paths
    Image,
}

impl Format {
    /// What the file's name says.
    pub(super) fn of_name(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "jpg" | "jpeg" | "png" | "webp" => Some(Self::Image),
            _ => None,
        }
    }
}

pub(crate) fn precision(text: &str) -> Result<Precision, String> {
    text.parse().map_err(|error: riverrun::inference::InferenceError| error.to_string())
}

/// `name=value`, where the value is JSON or else a text.
pub(crate) fn option(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write `name=value`")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

/// The options by name, with the precision among them.
pub(crate) fn parameters(options: impl IntoIterator<Item = (String, Value)>, precision: Option<Precision>) -> Map {
    let precision = precision.map(|precision| ("precision".to_owned(), precision.name().into()));
    options.into_iter().chain(precision).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_option_is_json_where_it_reads_as_that_and_a_text_otherwise() {
        assert_eq!(option("top_k=3"), Ok(("top_k".into(), json!(3))));
        assert_eq!(option("candidate_labels=[\"a\", \"b\"]"), Ok(("candidate_labels".into(), json!(["a", "b"]))));
        assert_eq!(option("aggregation_strategy=simple"), Ok(("aggregation_strategy".into(), json!("simple"))));
        assert_eq!(option("template=a=b"), Ok(("template".into(), json!("a=b"))));
        assert!(option("top_k").is_err() && option("=3").is_err());
    }
}
