//! `riverrun models get TAG`

use riverrun::inference::QuantizationReport;
use riverrun::model::{ModelStore, TagRef};

use super::{Form, quantize, view};
use crate::failure::{Result, put};

/// How many inputs, outputs or files are shown to people.
const MANY: usize = 20;

pub(super) fn run(store: &ModelStore, tag: &TagRef, form: Form) -> Result {
    let model = store.get(tag)?;
    if form == Form::Json {
        return put(view::details(&model));
    }
    let metadata = model.metadata();
    let mut rows = vec![
        ("tag", model.tag().to_string()),
        ("task", view::task(&model)),
        ("framework", metadata.framework.clone()),
        ("format", metadata.format.to_string()),
        ("created", view::created(&model)),
        ("size", view::size(&model)),
        ("path", model.path().display().to_string()),
    ];
    rows.extend(match view::precisions(&model).split_first() {
        None => None,
        Some((only, [])) => Some(("precision", only.to_string())),
        Some((default, others)) => {
            let others: Vec<String> = others.iter().map(ToString::to_string).collect();
            Some(("precision", format!("{default}, or with `--precision` {}", others.join(", "))))
        }
    });
    let report = QuantizationReport::of(metadata);
    rows.extend(report.as_ref().map(|report| ("report", quantize::sentence(report))));
    rows.extend(
        view::best_backend(&model).map(|best| ("backend", format!("{best} (the fastest here, by `models bench`)"))),
    );
    rows.extend(metadata.signatures.iter().map(|signature| ("signature", view::signature(signature))));
    rows.extend(few("input", view::inputs(metadata).iter().map(ToString::to_string)));
    rows.extend(few("output", view::outputs(metadata).iter().map(ToString::to_string)));
    rows.extend(few("class", view::classes(&model).into_iter()));
    rows.extend(metadata.labels.iter().map(|(key, value)| ("label", format!("{key}={value}"))));
    // The report is shown above already.
    let others = metadata.metadata.iter().filter(|(key, _)| report.is_none() || *key != QuantizationReport::KEY);
    rows.extend(others.map(|(key, value)| ("metadata", format!("{key}={value}"))));
    rows.extend(few("file", metadata.files.iter().map(|file| format!("{} ({} bytes)", file.path, file.size))));
    put(view::table(&rows.into_iter().map(|(key, value)| vec![key.to_owned(), value]).collect::<Vec<_>>()))
}

/// The first of many, and how many more there are.
fn few(key: &'static str, values: impl ExactSizeIterator<Item = String>) -> Vec<(&'static str, String)> {
    let more = values.len().saturating_sub(MANY);
    let mut rows: Vec<_> = values.take(MANY).map(|value| (key, value)).collect();
    if more > 0 {
        rows.push((key, format!("and {more} more; `--output json` shows all")));
    }
    rows
}
