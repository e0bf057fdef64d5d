//! `riverrun models export TAG [FILE]`

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::DecimalBytes;
use riverrun::model::{ExportOptions, ModelStore, TagRef};
use serde_json::json;

use super::Form;
use super::progress::Bar;
use crate::failure::{Failure, Result, put, say};

pub(super) fn run(store: &ModelStore, tag: &TagRef, file: Option<PathBuf>, force: bool, form: Form) -> Result {
    let mut options = ExportOptions::new().progress(Arc::new(Bar::new()));
    options.overwrite = force;
    if file.as_deref() == Some(Path::new("-")) {
        if io::stdout().is_terminal() {
            return Err(Failure::Usage(
                "an archive is not for a terminal: give a FILE, or pipe it to another command".into(),
            ));
        }
        // The archive is the result: what there is to say goes to people, in either form.
        let exported = store.export_to(tag, io::stdout().lock(), options)?;
        say(format_args!("{} is exported ({})", exported.model.tag(), DecimalBytes(exported.size)));
        return Ok(());
    }
    let exported = store.export(tag, file.unwrap_or_else(|| PathBuf::from(".")), options)?;
    let path = exported.path.strip_prefix(".").unwrap_or(&exported.path);
    match form {
        Form::Json => put(json!({
            "tag": exported.model.tag().to_string(),
            "file": path.to_string_lossy(),
            "size": exported.size,
            "sha256": exported.sha256,
        })),
        Form::Table => put(format_args!(
            "{} is exported to {} ({})",
            exported.model.tag(),
            path.display(),
            DecimalBytes(exported.size)
        )),
    }
}
