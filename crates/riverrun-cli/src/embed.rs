//! `riverrun embed`

use clap::Args;
use riverrun::inference::SentenceEmbeddings;

use crate::apply::{self, Applied, ApplyArguments, ServiceArgument, Shape};
use crate::cli::at_least_one;
use crate::failure::Result;

#[derive(Debug, Args)]
#[command(
    override_usage = "riverrun embed [OPTIONS] [TAG] [FILE]...",
    after_help = "\
Tags, files and their formats are as for `riverrun classify`; without a TAG the model
is feature-extraction:latest. Any encoder of texts can do it. Each record gives one
line of JSON in the same order: what was given, and {\"embedding\": [numbers]}.

Example:
  riverrun embed minilm documents.jsonl --output embeddings.jsonl"
)]
pub(crate) struct EmbedArguments {
    #[command(flatten)]
    apply: ApplyArguments,
    #[command(flatten)]
    service: ServiceArgument,
    /// How tokens are pooled: mean, cls, max, lasttoken, ... [default: as the model says, else mean]
    #[arg(long)]
    pooling: Option<String>,
    /// Make embeddings of length 1, whatever the model says
    #[arg(long)]
    normalize: bool,
    /// Leave so many elements of an embedding
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    dimensions: Option<usize>,
    /// The model's prompt to put before each text
    #[arg(long, value_name = "NAME")]
    prompt_name: Option<String>,
}

pub(crate) fn run(arguments: &EmbedArguments) -> Result {
    let command = Applied::to::<SentenceEmbeddings>("embed", Shape::Field("embedding"))
        .option("pooling", arguments.pooling.clone())
        .option("normalize", arguments.normalize.then_some(true))
        .option("dimensions", arguments.dimensions)
        .option("prompt_name", arguments.prompt_name.clone());
    apply::run(&command, &arguments.apply, arguments.service.url())
}
