//! A request for tensors, whatever it came by.

use std::collections::HashMap;
use std::sync::Arc;

use riverrun_runner::wire::Tensor;
use riverrun_runner::{Inputs, Priority};

use crate::context::{Deadline, RequestContext};
use crate::fault::Fault;
use crate::predict::{Asked, admit};
use crate::served_model::{ServedModel, ServedVersion};
use crate::state::AppState;

/// What the protocol says of a request beside its tensors.
pub(super) struct Head {
    pub(super) context: RequestContext,
    pub(super) deadline: Deadline,
    pub(super) priority: Priority,
}

/// The model and the version that a request is for. No version, or an empty one, leaves the choice to the service.
pub(super) fn find(
    state: &AppState, name: &str, version: Option<&str>, request_id: &str,
) -> Result<(Arc<ServedModel>, Arc<ServedVersion>), Fault> {
    let model = state.models.get(name)?;
    let version = match version.filter(|version| !version.is_empty()) {
        Some(version) => model.version(version)?,
        None => model.pick(request_id)?,
    };
    Ok((model.clone(), version))
}

/// Computes the tensors; of the answer's, those that are named, in that order, or all.
pub(super) async fn compute(
    state: &AppState, head: &Head, model: &ServedModel, version: &Arc<ServedVersion>, method: Option<String>,
    inputs: Vec<Tensor>, outputs: Option<Vec<String>>,
) -> Result<Vec<Tensor>, Fault> {
    admit(version)?;
    let items = inputs.iter().map(Tensor::items).max().unwrap_or(0);
    if items > state.limits.max_items {
        let what = format!("a tensor of {items} items");
        return Err(Fault::TooLarge { what, limit: state.limits.max_items.to_string() });
    }
    let Head { context, deadline, priority } = head;
    let asked = Asked { context, deadline: *deadline, priority: *priority, method, model, version };
    let answers = asked.compute(Inputs::Tensors(inputs)).await?;
    let tensors = answers.to_tensors().map_err(Fault::from)?;
    let Some(wanted) = outputs.filter(|wanted| !wanted.is_empty()) else { return Ok(tensors) };
    let known: Vec<String> = tensors.iter().map(|tensor| tensor.name().to_owned()).collect();
    let mut by_name: HashMap<String, Tensor> =
        tensors.into_iter().map(|tensor| (tensor.name().to_owned(), tensor)).collect();
    wanted
        .into_iter()
        .map(|name| {
            by_name.remove(&name).ok_or_else(|| {
                Fault::invalid_input(format!(
                    "the output `{name}` is asked for, and there is {}, each once",
                    known.join(", ")
                ))
            })
        })
        .collect()
}
