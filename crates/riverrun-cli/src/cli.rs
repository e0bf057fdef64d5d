//! The command line.

use clap::{Parser, Subcommand};
use riverrun::inference::TopK;

use crate::classify::ClassifyArguments;
use crate::embed::EmbedArguments;
use crate::models::ModelsArguments;
use crate::ner::NerArguments;
use crate::predict::PredictArguments;
use crate::rerank::RerankArguments;
use crate::serve::ServeArguments;

/// Keeps models, applies them to records, and serves them.
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
    Models(Box<ModelsArguments>),
    /// Label texts, of files or of standard input
    Classify(Box<ClassifyArguments>),
    /// Give texts vectors that are near each other where they mean the same
    Embed(Box<EmbedArguments>),
    /// Find the names of people, places and other things in texts
    Ner(Box<NerArguments>),
    /// Put documents in the order of how well they answer a query
    Rerank(Box<RerankArguments>),
    /// Apply any model, to texts, tensors or rows of tables
    Predict(Box<PredictArguments>),
    /// Serve models over HTTP and gRPC
    Serve(Box<ServeArguments>),
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
