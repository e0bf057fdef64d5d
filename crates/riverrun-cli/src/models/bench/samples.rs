//! Records to measure with: those of a file, or some of the kind that the model takes.

use std::path::Path;

use riverrun::model::{Dimension, InferenceTask, Model, ModelFormat, TensorSpec};
use riverrun::runner::wire::Payload;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};

/// How many records make a batch, at most.
const MOST: usize = 128;

/// What a dimension is taken for that the file leaves open, but for the batch's.
const OPEN: u32 = 16;

/// The most elements of a tensor that is made up: a file may declare any size.
const MOST_ELEMENTS: u64 = 1 << 24;

/// Sentences of several lengths.
const SENTENCES: [&str; 6] = [
    "What a lovely day.",
    "The train to Berlin was late again, and nobody at the station knew why or for how long.",
    "Mary Shelley wrote the book in 1818, when she was twenty years old.",
    "I would not buy it a second time.",
    "The committee has postponed its decision about the new bridge over the river until the spring, when the costs will be \
     known and the elections are over.",
    "Thanks, that was quick!",
];

/// The first records of a file: JSON lines, or lines of text.
pub(super) fn of_file(file: &Path) -> Result<Vec<Payload>> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Failed(format!("cannot read {}: {error}; check the path", file.display())))?;
    let is_json = file.extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson");
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).take(MOST);
    let payload = |(number, line): (usize, &str)| {
        if !is_json {
            return Ok(Payload::from(line));
        }
        serde_json::from_str::<Value>(line)
            .map(Payload::from)
            .map_err(|error| Failure::Failed(format!("line {} of {} is not JSON: {error}", number + 1, file.display())))
    };
    let payloads: Vec<Payload> = lines.map(payload).collect::<Result<_>>()?;
    if payloads.is_empty() {
        return Err(Failure::Failed(format!("{} has no records; give one with some", file.display())));
    }
    Ok(payloads)
}

/// Records of the kind that the model takes.
pub(super) fn of_model(model: &Model) -> Result<Vec<Payload>> {
    let metadata = model.metadata();
    if metadata.task == Some(InferenceTask::ImageClassification) {
        let problem =
            "images are not made up; give some in base64 with `--input FILE.jsonl`, each {\"image\"} on a line";
        return Err(Failure::Usage(problem.to_owned()));
    }
    if metadata.format == ModelFormat::Onnx && model.file("tokenizer.json").is_err() {
        return of_tensors(model, &metadata.inputs);
    }
    let sentence = |n: usize| SENTENCES[n % SENTENCES.len()];
    let payload = |n: usize| -> Payload {
        match metadata.task {
            Some(InferenceTask::QuestionAnswering) => {
                Payload::Value(json!({ "question": "Who wrote the book?", "context": SENTENCES.join(" ") }))
            }
            Some(InferenceTask::TextRanking) => {
                Payload::Value(json!({ "query": sentence(n + 1), "documents": SENTENCES[..4] }))
            }
            Some(InferenceTask::FillMask) => Payload::Text(format!("{} {}", sentence(n), mask(model))),
            _ => Payload::Text(sentence(n).to_owned()),
        }
    };
    Ok((0..MOST / 2).map(payload).collect())
}

/// The token that stands for a gap.
fn mask(model: &Model) -> String {
    let read =
        |file: &str| -> Option<Value> { serde_json::from_slice(&std::fs::read(model.file(file).ok()?).ok()?).ok() };
    let named = |value: Value| {
        let token = value.get("mask_token")?;
        Some(token.as_str().or_else(|| token.get("content")?.as_str())?.to_owned())
    };
    let files = ["special_tokens_map.json", "tokenizer_config.json"];
    files.into_iter().find_map(|file| named(read(file)?)).unwrap_or_else(|| "[MASK]".to_owned())
}

fn of_tensors(model: &Model, inputs: &[TensorSpec]) -> Result<Vec<Payload>> {
    let tensors: Option<serde_json::Map<String, Value>> =
        inputs.iter().map(|input| Some((input.name.clone(), tensor(input)?))).collect();
    let Some(tensors) = tensors.filter(|tensors| !tensors.is_empty()) else {
        return Err(Failure::Usage(format!(
            "it is not known what `{}` takes; give records with `--input FILE.jsonl`",
            model.tag()
        )));
    };
    Ok(vec![Payload::Value(Value::Object(tensors)); MOST / 2])
}

/// An item's part of a tensor, without the batch's dimension where the first one is open.
fn tensor(spec: &TensorSpec) -> Option<Value> {
    let shape = spec.shape.as_deref()?;
    let item = match shape {
        [Dimension::Named(_), rest @ ..] => rest,
        whole => whole,
    };
    let sizes: Vec<u32> = item
        .iter()
        .map(|dimension| match dimension {
            Dimension::Fixed(size) => *size,
            Dimension::Named(_) => OPEN,
        })
        .collect();
    let elements = sizes.iter().try_fold(1_u64, |product, &size| product.checked_mul(size.into()))?;
    let element = match spec.dtype.as_str() {
        "string" => json!("text"),
        "bool" => json!(true),
        kind if kind.contains("int") => json!(1),
        kind if kind.contains("float") || kind == "double" => json!(0.5),
        _ => return None,
    };
    let nested = |inner: Value, size: &u32| Value::Array(vec![inner; *size as usize]);
    (elements <= MOST_ELEMENTS).then(|| sizes.iter().rev().fold(element, nested))
}
