//! `riverrun predict`

use clap::Args;
use riverrun::model::InferenceTask;
use serde_json::Value;

use crate::apply::{self, Applied, ApplyArguments, Shape, option};
use crate::failure::Result;

#[derive(Debug, Args)]
#[command(
    override_usage = "riverrun predict [OPTIONS] TAG [FILE]...",
    after_help = "\
Applies any model of the store, by what it is for: a text task, images, tensors of an
ONNX model, rows of a tree ensemble. Records come from FILEs or standard input: JSON
lines (.jsonl) with what a service takes, tables (.csv, .tsv) by their columns' names,
lines of text (.txt), or images themselves, whose paths are lines. Each gives one line
of JSON in the same order: what was given, and {\"output\": what a service answers}.
`riverrun models get TAG` shows what a model takes and gives.

Examples:
  riverrun predict fraud transactions.csv --output scores.jsonl
  riverrun predict pets photos/*.jpg
  riverrun predict nli posts.txt --option candidate_labels='[\"sports\", \"politics\"]'"
)]
pub(crate) struct PredictArguments {
    #[command(flatten)]
    apply: ApplyArguments,
    /// What to do, where the model can do other things than the store says: zero-shot-classification, say
    #[arg(long)]
    task: Option<InferenceTask>,
    /// An option of the task, such as top_k=3; may be given several times
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option)]
    options: Vec<(String, Value)>,
}

pub(crate) fn run(arguments: PredictArguments) -> Result {
    let mut command = Applied::to_any("predict", Shape::Field("output"));
    command.parameters = arguments.options;
    command.task = arguments.task;
    apply::run(&command, &arguments.apply, None)
}
