//! `riverrun ner`

use clap::Args;
use riverrun::inference::TokenClassification;

use crate::apply::{self, Applied, ApplyArguments, ServiceArgument, Shape};
use crate::cli::at_least_one;
use crate::failure::Result;

#[derive(Debug, Args)]
#[command(
    override_usage = "riverrun ner [OPTIONS] [TAG] [FILE]...",
    after_help = "\
Tags, files and their formats are as for `riverrun classify`; without a TAG the model
is token-classification:latest. Each record gives one line of JSON in the same order:
what was given, and {\"entities\": [{\"entity_group\", \"score\", \"word\", \"start\", \"end\"},
...]}, where `start` and `end` count characters.

Example:
  riverrun ner my-ner articles.txt --output entities.jsonl"
)]
pub(crate) struct NerArguments {
    #[command(flatten)]
    apply: ApplyArguments,
    #[command(flatten)]
    service: ServiceArgument,
    /// How tokens become entities: none, simple, first, average, max
    #[arg(long, value_name = "STRATEGY", default_value = "simple")]
    aggregation: String,
    /// Tokens that the parts of a long text share, which is cut otherwise
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    stride: Option<usize>,
}

pub(crate) fn run(arguments: &NerArguments) -> Result {
    let command = Applied::to::<TokenClassification>("ner", Shape::Field("entities"))
        .option("aggregation_strategy", Some(arguments.aggregation.clone()))
        .option("stride", arguments.stride);
    apply::run(&command, &arguments.apply, arguments.service.url())
}
