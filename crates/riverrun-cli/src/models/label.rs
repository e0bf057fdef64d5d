//! `riverrun models label TAG KEY=VALUE KEY-`

use riverrun::model::{LabelChange, ModelStore, TagRef};
use serde_json::json;

use super::Form;
use crate::failure::{Result, put, say};
use crate::printable::printable;

pub(super) fn run(store: &ModelStore, tag: &TagRef, changes: Vec<LabelChange>, form: Form) -> Result {
    let model = if changes.is_empty() { store.get(tag)? } else { store.label(tag, changes)? };
    let labels = &model.metadata().labels;
    match form {
        Form::Json => put(json!({ "tag": model.tag().to_string(), "labels": labels })),
        Form::Table if labels.is_empty() => {
            say(format_args!(
                "{} has no labels; `riverrun models label {} KEY=VALUE` sets one",
                model.tag(),
                model.tag()
            ));
            Ok(())
        }
        Form::Table => labels.iter().try_for_each(|(key, value)| put(printable(&format!("{key}={value}")))),
    }
}
