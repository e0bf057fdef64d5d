//! `riverrun models list`

use riverrun::model::ModelStore;
use serde_json::{Value, json};

use super::view;
use crate::cli::Form;
use crate::failure::{Result, put, say};

pub(super) fn run(store: &ModelStore, form: Form) -> Result {
    let entries = store.list()?;
    if form == Form::Json {
        let value = |entry: &riverrun::model::ListEntry| {
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
        say(format_args!(
            "the store at {} has no models; `riverrun models import DIR --name NAME` adds one",
            store.home().display()
        ));
        return Ok(());
    }
    let mut rows = vec![["TAG", "LATEST", "TASK", "SIZE", "CREATED"].map(String::from).to_vec()];
    for entry in &entries {
        let latest = if entry.latest { "latest" } else { "" }.to_owned();
        rows.push(match &entry.model {
            Ok(model) => {
                vec![entry.tag.to_string(), latest, view::task(model), view::size(model), view::created(model)]
            }
            Err(error) => {
                say(error);
                vec![entry.tag.to_string(), latest, "unusable".into()]
            }
        });
    }
    put(view::table(&rows))
}
