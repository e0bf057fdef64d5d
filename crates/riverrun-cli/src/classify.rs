//! `riverrun classify`

use clap::Args;
use riverrun::inference::{TextClassification, TopK};
use serde_json::json;

use crate::apply::{self, Applied, ApplyArguments, ServiceArgument, Shape};
use crate::cli::top_k;
use crate::failure::Result;

#[derive(Debug, Args)]
#[command(
    override_usage = "riverrun classify [OPTIONS] [TAG] [FILE]...",
    after_help = "\
The first argument is the model's TAG, unless there is a file of that name or it
holds a `/`; without one it is text-classification:latest. Records come from
standard input when there is no FILE, and for `-`: lines of text, JSON lines
(.jsonl) or tables (.csv, .tsv) with a `text` and for pairs a `text_pair`. Each
gives a line of JSON in the same order: what was given, and label and score, or
with --top-k {\"labels\": [{\"label\", \"score\"}, ...]}. Bad lines are reported.
Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (what was done is written).

Example:
  riverrun classify tweet-sentiment:1.0 tweets.txt --output labels.jsonl"
)]
pub(crate) struct ClassifyArguments {
    #[command(flatten)]
    apply: ApplyArguments,
    #[command(flatten)]
    service: ServiceArgument,
    /// Give the N best labels of each record, or `all`
    #[arg(long, value_name = "N|all", value_parser = top_k)]
    top_k: Option<TopK>,
}

pub(crate) fn run(arguments: &ClassifyArguments) -> Result {
    let shape = Shape::Labels { all: arguments.top_k.is_some() };
    let command =
        Applied::to::<TextClassification>("classify", shape).option("top_k", arguments.top_k.map(|top_k| json!(top_k)));
    apply::run(&command, &arguments.apply, arguments.service.url())
}
