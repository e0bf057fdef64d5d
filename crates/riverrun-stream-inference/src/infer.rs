//! `stream.infer(&runner, …)`.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use riverrun_runner::{Runnable, Runner};
use riverrun_stream::functions::FailedRecord;
use riverrun_stream::operator::async_wait::OutputMode;
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
    /// Whether results keep the order of their records.
    pub mode: OutputMode,
    /// How long a record may wait for others before it is handed to the runner.
    pub max_delay: Duration,
}

impl Default for InferOptions {
    fn default() -> Self {
        Self { capacity: 1024, route_errors: false, mode: OutputMode::Ordered, max_delay: Duration::ZERO }
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
    fn change(&self, change: impl FnOnce(&mut InferOptions)) {
        change(&mut self.options.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// How many records of a subtask may be queued or inside the model at a time: 1,024 by default, at least 1. A subtask
    /// takes no more of the stream meanwhile.
    #[must_use]
    pub fn capacity(self, records: usize) -> Self {
        if records == 0 {
            let rule = "at least one record has to be in flight";
            self.stream.report_invalid_option("Infer", "capacity", "0".into(), rule);
        }
        self.change(|options| options.capacity = records);
        self
    }

    /// Results come as soon as they are there. They may overtake each other, but never a watermark.
    #[must_use]
    pub fn unordered(self) -> Self {
        self.change(|options| options.mode = OutputMode::Unordered);
        self
    }

    /// How long a record may wait until a batch of the runner's is together: not at all by default. For streams with few
    /// records and models that are dear to call; otherwise batches fill while the batches before them are computed.
    #[must_use]
    pub fn max_delay(self, delay: Duration) -> Self {
        self.change(|options| options.max_delay = delay);
        self
    }

    /// The records that the model could not be applied to. Once this stream is asked for, they no longer fail the job.
    #[must_use]
    pub fn failures(&self) -> DataStream<FailedRecord<T>> {
        self.change(|options| options.route_errors = true);
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
    /// Applies a runner to what `input` takes from each record, and puts out each record with its result, in order unless
    /// [`unordered`](InferredStream::unordered).
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
