//! Inference tasks, after `transformers.pipeline`: one folder or file each.
//!
//! A task is a [`Task`](task::Task) with its options, a `Runnable` and a `Portable`. What all have in common is in `task` and `text_model`;
//! `any` lists them. `docs/inference.md` has the recipe for another one.

mod any;
pub(crate) mod feature_extraction;
pub(crate) mod fill_mask;
#[cfg(feature = "onnx")]
pub(crate) mod image_classification;
pub(crate) mod one_or_many;
pub(crate) mod question_answering;
pub(crate) mod sentence_embeddings;
pub(crate) mod task;
pub(crate) mod text_classification;
pub(crate) mod text_model;
pub(crate) mod text_ranking;
pub(crate) mod token_classification;
pub(crate) mod zero_shot_classification;

pub use any::AnyRunnerOptions;
pub(crate) use any::to_any_runner;
