//! `riverrun models promote TAG`

use riverrun::model::{ModelStore, Tag};
use serde_json::json;

use super::Form;
use crate::failure::{Result, put};

pub(super) fn run(store: &ModelStore, tag: &Tag, form: Form) -> Result {
    store.promote(tag)?;
    match form {
        Form::Json => put(json!({ "latest": tag.to_string() })),
        Form::Table => put(format_args!("{}:latest is {tag} now", tag.name())),
    }
}
