//! `riverrun models delete TAG`

use riverrun::model::{ModelStore, Tag};
use serde_json::json;

use super::Form;
use crate::failure::{Result, put};

pub(super) fn run(store: &ModelStore, tag: &Tag, form: Form) -> Result {
    let latest = store.delete(tag)?;
    match (form, latest) {
        (Form::Json, latest) => {
            put(json!({ "deleted": tag.to_string(), "latest": latest.map(|latest| latest.to_string()) }))
        }
        (Form::Table, Some(latest)) => put(format_args!("{tag} is deleted; {}:latest is {latest}", tag.name())),
        (Form::Table, None) => put(format_args!("{tag} is deleted; {}:latest is no version any more", tag.name())),
    }
}
