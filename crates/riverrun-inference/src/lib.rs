//! Backends, tokenization and inference tasks: makes a model into a runnable.
//!
//! This crate reads a model's directory as Hugging Face lays it out (`config.json`, `tokenizer.json`,
//! `model.safetensors`) and computes it. It may depend on `riverrun-runner`, whose [`Runnable`] its tasks implement,
//! and on `riverrun-model`; it knows nothing of streams.
//!
//! ```no_run
//! use riverrun_inference::{TextClassification, TextClassificationOptions};
//! use riverrun_runner::{Compute, Runnable};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let task = TextClassification::load("models/tweet-sentiment", TextClassificationOptions::new())?;
//! let text = task.prepare("What a lovely day".into())?;
//! for result in task.run(vec![text.value], &Compute::single())? {
//!     println!("{:?}", result?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Runnable`]: riverrun_runner::Runnable

pub mod backend;
mod config;
pub mod encoder;
mod error;
mod follow;
pub mod kernels;
mod model_ext;
mod quantize;
mod tasks;
mod tokenization;

pub use config::{ModelConfig, ProblemType};
pub use encoder::Precision;
pub use error::InferenceError;
pub use follow::{FollowLatest, Following, ModelChange};
pub use model_ext::ModelExt;
pub use quantize::{
    Compared, QuantizationReport, QuantizeOptions, QuantizedModel, quantize, quantize_weights, sample_texts,
};
pub use tasks::AnyRunnerOptions;
pub use tasks::feature_extraction::{FeatureExtraction, FeatureExtractionInput, FeatureExtractionOptions};
pub use tasks::fill_mask::{FillMask, FillMaskInput, FillMaskOptions, FilledMask, MaskedText};
#[cfg(feature = "onnx")]
pub use tasks::image_classification::{ImageClassification, ImageClassificationOptions, ImageInput, ProcessedImage};
pub use tasks::one_or_many::OneOrMany;
pub use tasks::question_answering::{
    Answer, QuestionAnswering, QuestionAnsweringOptions, QuestionInput, TokenizedQuestion,
};
pub use tasks::sentence_embeddings::{Pooling, SentenceEmbeddings, SentenceEmbeddingsInput, SentenceEmbeddingsOptions};
pub use tasks::task::{Task, TaskOptions};
pub use tasks::text_classification::{
    Classification, FunctionToApply, Label, TextClassification, TextClassificationOptions, TextInput, TokenizedText,
    TopK,
};
pub use tasks::text_ranking::{RankedDocument, TextRanking, TextRankingInput, TextRankingOptions, TokenizedDocuments};
pub use tasks::token_classification::{
    AggregationStrategy, Entity, TokenClassification, TokenClassificationInput, TokenClassificationOptions,
    TokenizedSentence,
};
pub use tasks::zero_shot_classification::{
    TokenizedHypotheses, ZeroShotClassification, ZeroShotClassificationOptions, ZeroShotInput, ZeroShotResult,
};
pub use tokenization::{TextTokenizer, Truncation};
