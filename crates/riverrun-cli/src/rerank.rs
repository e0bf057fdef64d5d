//! `riverrun rerank`

use clap::Args;
use riverrun::inference::TextRanking;

use crate::apply::{self, Applied, ApplyArguments, ServiceArgument, Shape};
use crate::cli::at_least_one;
use crate::failure::Result;

#[derive(Debug, Args)]
#[command(
    override_usage = "riverrun rerank [OPTIONS] [TAG] [FILE]...",
    after_help = "\
Tags, files and their formats are as for `riverrun classify`; without a TAG the model
is text-ranking:latest. With --query each line is a document, and comes out with its
score, the best first. Without it each record is {\"query\", \"documents\"} in JSON, and
gives {\"ranking\": [{\"corpus_id\", \"score\"}, ...]} beside what was given.

Example:
  riverrun rerank my-cross-encoder passages.txt --query 'Who wrote it?' --top-k 10"
)]
pub(crate) struct RerankArguments {
    #[command(flatten)]
    apply: ApplyArguments,
    #[command(flatten)]
    service: ServiceArgument,
    /// What the documents are to answer
    #[arg(short, long)]
    query: Option<String>,
    /// Give the N best documents [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    top_k: Option<usize>,
    /// Give the model's logits, whatever it says of its scores
    #[arg(long)]
    raw_scores: bool,
}

pub(crate) fn run(arguments: &RerankArguments) -> Result {
    let (shape, top_k) = match arguments.query {
        // Each document is an item of its own there.
        Some(_) => (Shape::Ranked { most: arguments.top_k.unwrap_or(usize::MAX) }, None),
        None => (Shape::Field("ranking"), arguments.top_k),
    };
    let mut command = Applied::to::<TextRanking>("rerank", shape)
        .option("top_k", top_k)
        .option("raw_scores", arguments.raw_scores.then_some(true));
    command.query.clone_from(&arguments.query);
    apply::run(&command, &arguments.apply, arguments.service.url())
}
