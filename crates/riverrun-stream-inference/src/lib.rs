//! Where a stream meets a runner: [`InferExt::infer`] and its operator.
//!
//! Depends on `riverrun-stream` and `riverrun-runner`, which know nothing of each other.

mod infer;
pub mod metrics;
mod operator;

pub use infer::{InferExt, InferOptions, InferredStream};
pub use operator::InferOperator;
pub use riverrun_stream::functions::FailedRecord;
