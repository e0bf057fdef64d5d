//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use riverrun::inference::TopK;

use crate::models::ModelsArguments;
use crate::serve::ServeArguments;

/// Keeps models, and applies them to lines of text.
#[derive(Debug, Parser)]
#[command(
    name = "riverrun",
    version,
    after_help = "\
Models are kept in $RIVERRUN_HOME. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

Example:
  riverrun models import models/tweet-sentiment --name text-classification
  riverrun classify tweets.txt --output labels.jsonl"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Import, pull, list, label, export and delete the models of the store
    Models(ModelsArguments),
    /// Label each line of files or of standard input
    Classify(ClassifyArguments),
    /// Serve models over HTTP and gRPC
    Serve(Box<ServeArguments>),
}

#[derive(Debug, Args)]
#[command(
    override_usage = "riverrun classify [OPTIONS] [TAG] [FILE]...",
    after_help = "\
The first argument is the model's TAG, unless there is a file of that name or it
holds a `/`. Without a TAG the model is text-classification:latest. Lines come
from standard input when there is no FILE, and for `-`. Each gives one line of
JSON, in the same order: {\"text\", \"label\", \"score\"}, or with --top-k
{\"text\", \"labels\": [{\"label\", \"score\"}, ...]}. A line that is not UTF-8 is
reported and passed over.
Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (what was done is written).

Example:
  riverrun classify tweet-sentiment:1.0 tweets.txt --output labels.jsonl"
)]
pub(crate) struct ClassifyArguments {
    /// A model's tag, and the files to read
    #[arg(value_name = "TAG or FILE")]
    pub(crate) arguments: Vec<PathBuf>,
    /// The model; every other argument is a file then
    #[arg(short, long, value_name = "TAG")]
    pub(crate) model: Option<String>,
    /// Give the N best labels of each line, or `all`
    #[arg(long, value_name = "N|all", value_parser = top_k)]
    pub(crate) top_k: Option<TopK>,
    /// Write to this file, and what is wrong with bad lines to FILE.errors
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Compute on at most N cores [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) parallelism: Option<usize>,
    /// Have an inference service label the lines; every argument is a file then
    #[arg(long, value_name = "URL", conflicts_with = "parallelism")]
    pub(crate) service: Option<String>,
}

pub(crate) fn top_k(text: &str) -> Result<TopK, String> {
    match text {
        "all" => Ok(TopK::All),
        _ => at_least_one(text).map(TopK::Some).map_err(|_| "give a number from 1 on, or `all`".into()),
    }
}

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "give a number from 1 on".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_help_fits_a_screen() {
        let mut command = Arguments::command();
        command.clone().debug_assert();
        command.build();
        let below = command.get_subcommands().flat_map(|part| part.get_subcommands());
        for part in std::iter::once(&command).chain(command.get_subcommands()).chain(below) {
            let lines = part.clone().render_help().to_string().lines().count();
            assert!(lines <= 30, "{} has {lines} lines", part.get_name());
        }
    }
}
