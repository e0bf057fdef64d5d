//! Backends, tokenization and inference tasks: makes a model into a runnable.
//!
//! This crate reads a model's directory as Hugging Face lays it out (`config.json`, `tokenizer.json`,
//! `model.safetensors`) and computes it. It may depend on `riverrun-runner`, whose [`Runnable`] its tasks implement,
//! and on `riverrun-model`; it knows nothing of streams.
//!
//! [`Runnable`]: riverrun_runner::Runnable

mod error;
pub mod kernels;

pub use error::InferenceError;
