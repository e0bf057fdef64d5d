//! How a model is shown.

use indicatif::DecimalBytes;
use riverrun::model::Model;
use serde_json::{Value, json};

/// Everything that is known about a model.
pub(super) fn json(model: &Model) -> Value {
    let mut value = serde_json::to_value(model.metadata()).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("tag".into(), json!(model.tag().to_string()));
        fields.insert("path".into(), json!(model.path()));
        fields.insert("size".into(), json!(model.metadata().size()));
    }
    value
}

pub(super) fn task(model: &Model) -> String {
    model.metadata().task.map_or_else(|| "unknown".into(), |task| task.to_string())
}

pub(super) fn created(model: &Model) -> String {
    humantime::format_rfc3339_seconds(model.metadata().created).to_string()
}

pub(super) fn size(model: &Model) -> String {
    DecimalBytes(model.metadata().size()).to_string()
}

/// Columns as wide as their widest cell, the last one open.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
