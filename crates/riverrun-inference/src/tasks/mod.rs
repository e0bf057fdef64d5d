//! Inference tasks, after `transformers.pipeline`: one folder or file each.

pub(crate) mod text_classification;
mod text_model;
