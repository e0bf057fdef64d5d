//! How a model is shown.

use indicatif::DecimalBytes;
use riverrun::inference::backend::best_backend;
use riverrun::inference::{ModelConfig, Precision};
use riverrun::model::{InferenceTask, Metadata, Model, ModelFormat, Signature, Table, TensorSpec, Value as TomlValue};
use riverrun::tabular::TreeModel;
use serde_json::{Map, Value, json};

use crate::apply::stored_precision;
use crate::printable::printable;

/// Everything that is known about a model.
pub(super) fn json(model: &Model) -> Value {
    let mut value = serde_json::to_value(model.metadata()).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("metadata".into(), Value::Object(object(&model.metadata().metadata)));
        fields.insert("tag".into(), json!(model.tag().to_string()));
        fields.insert("path".into(), json!(model.path().to_string_lossy()));
        fields.insert("size".into(), json!(model.metadata().size()));
        fields.insert("inputs".into(), json!(inputs(model.metadata())));
        fields.insert("outputs".into(), json!(outputs(model.metadata())));
    }
    value
}

/// Everything that is known about one model, with what its own files say.
pub(super) fn details(model: &Model) -> Value {
    let mut value = json(model);
    if let Value::Object(fields) = &mut value {
        fields.insert("classes".into(), json!(classes(model)));
        let names: Vec<&str> = precisions(model).into_iter().map(Precision::name).collect();
        fields.insert("precisions".into(), json!(names));
        fields.insert("backend".into(), json!(best_backend(model)));
    }
    value
}

/// What a classifier can answer; nothing where its files don't name it, or it is none.
pub(super) fn classes(model: &Model) -> Vec<String> {
    let of_labels =
        [InferenceTask::TextClassification, InferenceTask::TokenClassification, InferenceTask::ImageClassification];
    if let Some(trees) =
        trees(model).filter(|trees| ["binary", "multi"].iter().any(|kind| trees.objective().starts_with(kind)))
    {
        // Boosters know the classes by their numbers; of two they give one probability.
        return (0..trees.outputs().max(2)).map(|class| class.to_string()).collect();
    }
    if !model.metadata().task.is_some_and(|task| of_labels.contains(&task)) {
        return Vec::new();
    }
    ModelConfig::read(model.path()).map(|config| config.labels().to_vec()).unwrap_or_default()
}

fn trees(model: &Model) -> Option<TreeModel> {
    let metadata = model.metadata();
    let main =
        metadata.main.as_deref().filter(|_| matches!(metadata.format, ModelFormat::Xgboost | ModelFormat::Lightgbm))?;
    TreeModel::load(model.path().join(main)).ok()
}

/// The precisions that the model can be computed in, where there is a choice or it was rounded ahead: the default first.
pub(super) fn precisions(model: &Model) -> Vec<Precision> {
    match stored_precision(model) {
        Some(stored) => vec![stored],
        None if model.metadata().format == ModelFormat::Safetensors => Precision::ALL.to_vec(),
        None => Vec::new(),
    }
}

/// Free metadata as JSON has it: dates, and numbers that JSON has not, are texts.
fn object(table: &Table) -> Map<String, Value> {
    table.iter().map(|(key, value)| (key.clone(), plain(value))).collect()
}

fn plain(value: &TomlValue) -> Value {
    match value {
        TomlValue::String(text) => json!(text),
        TomlValue::Integer(number) => json!(number),
        TomlValue::Float(number) if number.is_finite() => json!(number),
        TomlValue::Float(number) => json!(number.to_string()),
        TomlValue::Boolean(truth) => json!(truth),
        TomlValue::Datetime(time) => json!(time.to_string()),
        TomlValue::Array(values) => values.iter().map(plain).collect(),
        TomlValue::Table(table) => Value::Object(object(table)),
    }
}

pub(super) fn task(model: &Model) -> String {
    model.metadata().task.map_or_else(|| "unknown".into(), |task| task.to_string())
}

/// The task, or else the format.
pub(super) fn purpose(model: &Model) -> String {
    let metadata = model.metadata();
    metadata.task.map_or_else(|| metadata.format.to_string(), |task| task.to_string())
}

pub(super) fn labels(model: &Model) -> String {
    let labels = model.metadata().labels.iter();
    labels.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

pub(super) fn signature(signature: &Signature) -> String {
    match signature.batchable {
        true => format!("{} (batched along dimension {})", signature.method, signature.batch_dim),
        false => format!("{} (one call at a time)", signature.method),
    }
}

/// What the model takes: as its file declares it, or as its task has it.
pub(super) fn inputs(metadata: &Metadata) -> Vec<TensorSpec> {
    if !metadata.inputs.is_empty() {
        return metadata.inputs.clone();
    }
    let names: &[(&str, &str)] = match metadata.task {
        Some(InferenceTask::TextClassification) => &[("text", "string"), ("text_pair", "optional(string)")],
        Some(InferenceTask::TokenClassification | InferenceTask::FeatureExtraction | InferenceTask::FillMask) => {
            &[("text", "string")]
        }
        Some(InferenceTask::ZeroShotClassification) => &[("text", "string"), ("candidate_labels", "sequence(string)")],
        Some(InferenceTask::QuestionAnswering) => &[("question", "string"), ("context", "string")],
        Some(InferenceTask::TextRanking) => &[("query", "string"), ("documents", "sequence(string)")],
        Some(InferenceTask::ImageClassification) => &[("image", "bytes")],
        _ => &[],
    };
    specs(names)
}

/// What the model gives: as its file declares it, or as its task has it.
pub(super) fn outputs(metadata: &Metadata) -> Vec<TensorSpec> {
    if !metadata.outputs.is_empty() {
        return metadata.outputs.clone();
    }
    let names: &[(&str, &str)] = match metadata.task {
        Some(InferenceTask::TextClassification | InferenceTask::ImageClassification) => {
            &[("label", "string"), ("score", "float32")]
        }
        Some(InferenceTask::ZeroShotClassification) => {
            &[("sequence", "string"), ("labels", "sequence(string)"), ("scores", "sequence(float32)")]
        }
        Some(InferenceTask::TokenClassification) => {
            &[("entity", "string"), ("score", "float32"), ("word", "string"), ("start", "int64"), ("end", "int64")]
        }
        Some(InferenceTask::FeatureExtraction) => &[("embedding", "float32")],
        Some(InferenceTask::FillMask) => {
            &[("score", "float32"), ("token", "int64"), ("token_str", "string"), ("sequence", "string")]
        }
        Some(InferenceTask::QuestionAnswering) => {
            &[("answer", "string"), ("score", "float32"), ("start", "int64"), ("end", "int64")]
        }
        Some(InferenceTask::TextRanking) => &[("corpus_id", "int64"), ("score", "float32")],
        Some(InferenceTask::TabularClassification | InferenceTask::TabularRegression) => &[("output", "float64")],
        _ => &[],
    };
    specs(names)
}

fn specs(names: &[(&str, &str)]) -> Vec<TensorSpec> {
    names.iter().map(|(name, dtype)| TensorSpec::new(*name, *dtype, None)).collect()
}

/// The backend that `models bench` found to be the fastest on this machine.
pub(super) fn best_backend(model: &Model) -> Option<String> {
    let main = model.metadata().main.as_deref().filter(|_| model.metadata().format == ModelFormat::Onnx)?;
    best_backend::recall(&model.path().join(main)).map(|best| best.to_string())
}

pub(super) fn created(model: &Model) -> String {
    humantime::format_rfc3339_seconds(model.metadata().created).to_string()
}

pub(super) fn size(model: &Model) -> String {
    DecimalBytes(model.metadata().size()).to_string()
}

/// Columns as wide as their widest cell, the last one open. What a cell says cannot steer the terminal.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_shown_to_programs_without_the_marks_of_toml() {
        let table: Table =
            "trained = 2024-05-01\nruns = [{at = 10:00:00, loss = inf}]\naccuracy = 0.5\nepochs = 3\nset = 'x'\nok = true"
                .parse()
                .unwrap();

        let shown = Value::Object(object(&table));

        let expected = json!({
            "trained": "2024-05-01", "runs": [{"at": "10:00:00", "loss": "inf"}], "accuracy": 0.5, "epochs": 3,
            "set": "x", "ok": true,
        });
        assert_eq!(shown, expected);
    }
}
