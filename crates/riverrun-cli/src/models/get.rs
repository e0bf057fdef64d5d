//! `riverrun models get TAG`

use riverrun::model::{ModelStore, TagRef};

use super::view;
use crate::cli::Form;
use crate::failure::{Result, put};

pub(super) fn run(store: &ModelStore, tag: &TagRef, form: Form) -> Result {
    let model = store.get(tag)?;
    if form == Form::Json {
        return put(view::json(&model));
    }
    let metadata = model.metadata();
    let mut rows = vec![
        ("tag", model.tag().to_string()),
        ("task", view::task(&model)),
        ("created", view::created(&model)),
        ("size", view::size(&model)),
        ("path", model.path().display().to_string()),
    ];
    rows.extend(metadata.signatures.iter().map(|signature| ("signature", signature.method.clone())));
    rows.extend(metadata.labels.iter().map(|(key, value)| ("label", format!("{key}={value}"))));
    rows.extend(metadata.metadata.iter().map(|(key, value)| ("metadata", format!("{key}={value}"))));
    rows.extend(metadata.files.iter().map(|file| ("file", format!("{} ({} bytes)", file.path, file.size))));
    put(view::table(&rows.into_iter().map(|(key, value)| vec![key.to_owned(), value]).collect::<Vec<_>>()))
}
