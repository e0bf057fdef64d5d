//! `riverrun models list [NAME]`

use riverrun::model::{ListEntry, ModelStore, TagRef};
use serde_json::{Value, json};

use super::{Form, view};
use crate::failure::{Result, put, say};

pub(super) fn run(store: &ModelStore, name: Option<&str>, labels: &[String], form: Form) -> Result {
    let name = name.map(TagRef::latest).transpose()?;
    let mut entries = store.list()?;
    let all = entries.len();
    entries.retain(|entry| name.as_ref().is_none_or(|name| entry.tag.name() == name.name()) && has(entry, labels));
    if form == Form::Json {
        let value = |entry: &ListEntry| {
            let mut value = match &entry.model {
                Ok(model) => view::json(model),
                Err(error) => json!({ "tag": entry.tag.to_string(), "error": error.to_string() }),
            };
            value["latest"] = entry.latest.into();
            value
        };
        return put(entries.iter().map(value).collect::<Value>());
    }
    if entries.is_empty() {
        match all {
            0 => say(format_args!(
                "the store at {} has no models; `riverrun models import DIR --name NAME` adds one",
                store.home().display()
            )),
            _ => {
                say(format_args!("none of the store's {all} versions is like that; `riverrun models list` shows them"))
            }
        }
        return Ok(());
    }
    let mut rows = vec![["TAG", "LATEST", "TASK", "FORMAT", "SIZE", "CREATED", "LABELS"].map(String::from).to_vec()];
    for entry in &entries {
        let latest = if entry.latest { "latest" } else { "" }.to_owned();
        rows.push(match &entry.model {
            Ok(model) => vec![
                entry.tag.to_string(),
                latest,
                view::task(model),
                model.metadata().format.to_string(),
                view::size(model),
                view::created(model),
                view::labels(model),
            ],
            Err(error) => {
                say(error);
                vec![entry.tag.to_string(), latest, "unusable".into()]
            }
        });
    }
    put(view::table(&rows))
}

/// Whether a version has all of these labels, each `key` or `key=value`.
fn has(entry: &ListEntry, labels: &[String]) -> bool {
    labels.iter().all(|wanted| {
        // A version that cannot be read has none.
        let Ok(model) = &entry.model else { return false };
        let labels = &model.metadata().labels;
        match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(wanted),
        }
    })
}
