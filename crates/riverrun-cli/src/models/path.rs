//! `riverrun models path TAG`

use riverrun::model::{ModelStore, TagRef};
use serde_json::json;

use super::Form;
use crate::failure::{Result, put};

pub(super) fn run(store: &ModelStore, tag: &TagRef, form: Form) -> Result {
    let model = store.get(tag)?;
    match form {
        Form::Json => put(json!({ "tag": model.tag().to_string(), "path": model.path().to_string_lossy() })),
        Form::Table => put(model.path().display()),
    }
}
