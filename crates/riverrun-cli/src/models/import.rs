//! `riverrun models import PATH`

use std::io;
use std::path::Path;
use std::sync::Arc;

use riverrun::model::{ImportOptions, Imported, ModelStore};

use super::arguments::{ImportArguments, KeepArguments};
use super::progress::Bar;
use super::{Form, view};
use crate::failure::{Result, put, say};

pub(super) fn run(store: &ModelStore, arguments: ImportArguments, form: Form) -> Result {
    let promote = !arguments.keep.no_promote;
    let mut options = options(arguments.keep);
    options.format = arguments.format.map(Into::into);
    let imported = if arguments.path == Path::new("-") {
        store.import_archive(io::stdin().lock(), "standard input", options)?
    } else {
        store.import(&arguments.path, options)?
    };
    report(imported, promote, "imported", form)
}

/// What a person has said about the new version.
pub(super) fn options(keep: KeepArguments) -> ImportOptions {
    let mut options = ImportOptions::default().limits(keep.limits()).progress(Arc::new(Bar::new()));
    options.name = keep.name;
    options.version = keep.version;
    options.promote = !keep.no_promote;
    options.labels = keep.labels.into_iter().collect();
    options.metadata = keep.metadata.into_iter().collect();
    options.task = keep.task;
    options
}

/// Says what has come into the store.
fn report(imported: Imported, promote: bool, done: &str, form: Form) -> Result {
    imported.warnings.iter().for_each(say);
    let model = imported.model;
    if form == Form::Json {
        return put(view::json(&model));
    }
    let latest = if promote { format!("; {}:latest is this version now", model.tag().name()) } else { String::new() };
    put(format_args!("{} is {done} ({}, {}){latest}", model.tag(), view::purpose(&model), view::size(&model)))
}
