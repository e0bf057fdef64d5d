//! Test harnesses for operators, functions, sources and sinks.
//!
//! [`OperatorHarness`] drives one operator by hand. [`OperatorSuite`] puts an operator through what every operator has to
//! bear, [`SourceSuite`] a source. [`FailingSource`], [`CollectingSink`], [`CheckingSink`], [`SlowSink`] and
//! [`CommittingSink`] are ends for whole programs. Depends on `riverrun-stream` alone.

mod ends;
mod executor;
mod harness;
mod outputs;
mod random;
mod source_suite;
mod suite;
mod texts;

pub use ends::{CheckingSink, CollectingSink, CommittingSink, FailingSource, SlowSink};
pub use harness::{HarnessError, OperatorHarness};
pub use random::Random;
pub use source_suite::SourceSuite;
pub use suite::{Feed, OperatorSuite, SuiteError, SuiteReport};
pub use texts::tweet_like_texts;
