//! `riverrun models import DIR --name NAME`

use std::path::Path;

use riverrun::model::{ImportOptions, ModelStore};

use super::view;
use crate::cli::Form;
use crate::failure::{Result, put, say};

pub(super) fn run(
    store: &ModelStore, directory: &Path, name: String, version: Option<String>, promote: bool, form: Form,
) -> Result {
    let mut options = ImportOptions::new(name);
    options.version = version;
    options.promote = promote;
    let imported = store.import_directory(directory, options)?;
    imported.warnings.iter().for_each(say);
    let model = imported.model;
    if form == Form::Json {
        return put(view::json(&model));
    }
    let latest = if promote { format!("; {}:latest is this version now", model.tag().name()) } else { String::new() };
    put(format_args!("{} is imported ({}, {}){latest}", model.tag(), view::task(&model), view::size(&model)))
}
