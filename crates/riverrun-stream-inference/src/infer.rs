//! `stream.infer(&runner, …)`.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use riverrun_runner::{Runnable, Runner};
use riverrun_stream::functions::FailedRecord;
use riverrun_stream::source::ERROR_OUTPUT;
use riverrun_stream::{Data, DataStream, OutputTag, SingleOutputStreamOperator};

use crate::operator::InferOperator;

/// What a call of `infer` can set.
#[derive(Debug, Clone, Copy)]
pub struct InferOptions {
    /// How many records of a subtask may be queued or inside the model at a time.
    pub capacity: usize,
    /// Whether records that fail go to the error output, instead of failing the job.
    pub route_errors: bool,
}

impl Default for InferOptions {
    fn default() -> Self {
        Self { capacity: 1024, route_errors: false }
    }
}

/// A stream of records with their results, and the options of the operator that makes it. They can be set until the program
/// is executed.
pub struct InferredStream<T, Out> {
    stream: SingleOutputStreamOperator<(T, Out)>,
    options: Arc<Mutex<InferOptions>>,
}

impl<T, Out> Deref for InferredStream<T, Out> {
    type Target = SingleOutputStreamOperator<(T, Out)>;

    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}

impl<T: Data, Out: Data> InferredStream<T, Out> {
    /// How many records of a subtask may be queued or inside the model at a time: 1,024 by default, at least 1. A subtask
    /// takes no more of the stream meanwhile.
    #[must_use]
    pub fn capacity(self, records: usize) -> Self {
        self.options.lock().unwrap_or_else(PoisonError::into_inner).capacity = records.max(1);
        self
    }

    /// The records that the model could not be applied to. Once this stream is asked for, they no longer fail the job.
    #[must_use]
    pub fn failures(&self) -> DataStream<FailedRecord<T>> {
        self.options.lock().unwrap_or_else(PoisonError::into_inner).route_errors = true;
        self.stream.get_side_output(&OutputTag::new(ERROR_OUTPUT))
    }

    /// The stream itself, to be named or given a parallelism.
    #[must_use]
    pub fn into_stream(self) -> SingleOutputStreamOperator<(T, Out)> {
        self.stream
    }
}

/// Adds [`infer`](Self::infer) to every stream.
pub trait InferExt<T: Data> {
    /// Applies a runner to what `input` takes from each record, and puts out each record with its result, in order.
    ///
    /// Records are handed to the runner as they come and computed in its batches, together with those of other subtasks and
    /// callers; the stream does not wait in between. The runner is initialised in this process if it is not yet.
    ///
    /// A record that fails fails the job, unless [`failures`](InferredStream::failures) routes it. Records queued or inside
    /// the model are part of a snapshot, as inputs, and are computed again after a restore.
    fn infer<R, F>(&self, runner: &Runner<R>, input: F) -> InferredStream<T, R::Output>
    where
        R: Runnable<Output: Data>,
        F: Fn(&T) -> R::Input + Clone + Send + Sync + 'static;
}

impl<T: Data> InferExt<T> for DataStream<T> {
    fn infer<R, F>(&self, runner: &Runner<R>, input: F) -> InferredStream<T, R::Output>
    where
        R: Runnable<Output: Data>,
        F: Fn(&T) -> R::Input + Clone + Send + Sync + 'static,
    {
        let options = Arc::new(Mutex::new(InferOptions::default()));
        let (runner, settings) = (runner.clone(), options.clone());
        let name = format!("Infer {}", runner.name());
        let stream = self.transform(&name, move || {
            let options = *settings.lock().unwrap_or_else(PoisonError::into_inner);
            Box::new(InferOperator::<T, R, F>::new(runner.clone(), input.clone(), options))
        });
        InferredStream { stream, options }
    }
}
