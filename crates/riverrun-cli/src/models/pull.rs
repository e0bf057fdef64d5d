//! `riverrun models pull hf:org/name`

use riverrun::model::{HubSettings, ModelStore, PullOptions};
use serde_json::json;

use super::arguments::{HubFormat, PullArguments};
use super::{Form, import, view};
use crate::failure::{Failure, Result, put, say};

pub(super) fn run(store: &ModelStore, arguments: PullArguments, form: Form) -> Result {
    if let (Some(file), Some(HubFormat::Safetensors)) = (&arguments.file, arguments.format) {
        return Err(Failure::Usage(format!(
            "`--file {file}` takes ONNX, and `--format safetensors` does not: leave one out"
        )));
    }
    // A token that is not used may be as it wants.
    let hub = match &arguments.token_file {
        _ if arguments.offline => HubSettings::anonymous_from_environment()?.offline(),
        Some(file) => HubSettings::anonymous_from_environment()?.token_file(file)?,
        None => HubSettings::from_environment()?,
    };
    let promote = !arguments.keep.no_promote;
    let mut keep = import::options(arguments.keep);
    keep.format = arguments.format.map(Into::into);
    let mut options = PullOptions::new(hub).keep(keep);
    options.file = arguments.file;
    let pulled = store.pull(&arguments.reference, options)?;

    pulled.warnings.iter().for_each(say);
    let model = pulled.model;
    if form == Form::Json {
        let mut value = view::json(&model);
        value["commit"] = json!(pulled.commit);
        value["new"] = json!(pulled.is_new);
        return put(value);
    }
    let done = if pulled.is_new { "pulled" } else { "there already" };
    let latest = if promote { format!("; {}:latest is this version now", model.tag().name()) } else { String::new() };
    put(format_args!("{} is {done} ({}, {}){latest}", model.tag(), view::purpose(&model), view::size(&model)))
}
