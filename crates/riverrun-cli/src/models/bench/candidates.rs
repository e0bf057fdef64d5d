//! What could compute a model.

use std::fmt;
use std::sync::Arc;

use riverrun::inference::encoder::computes_bf16;
use riverrun::inference::{AnyRunnerOptions, ModelExt, Precision};
use riverrun::model::{Model, ModelFormat};
use riverrun::onnx::BackendKind;
use riverrun::runner::AnyRunner;
use riverrun::runner::wire::{Map, Payload};

use super::measure;
use crate::apply::{of_inference, stored_precision};
use crate::failure::Result;

/// A way to compute a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidate {
    /// The native encoder, in this precision.
    Native(Precision),
    /// A backend for ONNX.
    Onnx(BackendKind),
}

impl Candidate {
    /// The backend, where there is a choice that changes no precision.
    pub(super) fn backend(self) -> Option<BackendKind> {
        match self {
            Self::Native(_) => None,
            Self::Onnx(backend) => Some(backend),
        }
    }

    fn parameters(self) -> Map {
        let (name, value) = match self {
            Self::Native(precision) => ("precision", precision.name()),
            Self::Onnx(backend) => ("backend", backend.name()),
        };
        Map::from_iter([(name.to_owned(), value.into())])
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(precision) => write!(f, "native {precision}"),
            Self::Onnx(backend) => f.write_str(backend.name()),
        }
    }
}

/// One that can compute it.
pub(super) struct Loaded {
    pub(super) candidate: Candidate,
    pub(super) runner: Arc<dyn AnyRunner>,
}

/// One that can't, and why.
pub(super) type LeftOut = (Candidate, String);

/// Loads every candidate, and computes one sample with it; those that can't, and why.
pub(super) fn load(model: &Model, samples: &[Payload]) -> Result<(Vec<Loaded>, Vec<LeftOut>)> {
    let candidates: Vec<Candidate> = match model.metadata().format {
        ModelFormat::Onnx => BackendKind::ALL.iter().map(|backend| Candidate::Onnx(*backend)).collect(),
        _ => match stored_precision(model) {
            Some(precision) => vec![Candidate::Native(precision)],
            None => Precision::ALL.into_iter().map(Candidate::Native).collect(),
        },
    };
    let (mut loaded, mut left_out) = (Vec::new(), Vec::new());
    for candidate in candidates {
        if let Some(problem) = unfit(model, candidate) {
            left_out.push((candidate, problem.to_owned()));
            continue;
        }
        match model.to_any_runner(&AnyRunnerOptions::new().parameters(candidate.parameters())) {
            Ok(runner) => match measure::one(&*runner, samples)? {
                Ok(_) => loaded.push(Loaded { candidate, runner }),
                Err(problem) => left_out.push((candidate, problem)),
            },
            Err(error) => left_out.push((candidate, of_inference(error).message().to_owned())),
        }
    }
    Ok((loaded, left_out))
}

/// Why it would not compute the same, though it would compute something.
fn unfit(model: &Model, candidate: Candidate) -> Option<&'static str> {
    let metadata = model.metadata();
    let wide = metadata.inputs.iter().chain(&metadata.outputs).any(|tensor| tensor.dtype == "float64");
    match candidate {
        Candidate::Onnx(BackendKind::Rten) if wide => Some("it rounds double precision, which the model has"),
        Candidate::Native(Precision::Bf16) if !computes_bf16() && stored_precision(model).is_none() => {
            Some("this CPU has no instructions for it; 32-bit floats take its place")
        }
        _ => None,
    }
}
