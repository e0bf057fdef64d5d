//! Inference tasks: what a model's numbers mean.

pub(crate) mod text_classification;
