//! Streams through calls that take their time elsewhere: [`AsyncDataStream`].

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::data::Data;
use crate::error::FunctionError;
use crate::functions::{AsyncClosure, AsyncFunction, AsyncRetryStrategy};
use crate::operator::AsyncWaitOperator;
use crate::operator::async_wait::{AsyncSettings, OutputMode};
use crate::stream::data_stream::cloning;
use crate::stream::{DataStream, SingleOutputStreamOperator};

/// Calls a function for every record of a stream without waiting in between. Same as Flink's `AsyncDataStream`.
///
/// `ordered_wait` gives results in the order of their inputs; with `unordered_wait` they may overtake each other, but never a
/// watermark. Both take a closure that makes a future; the `_function` forms take an [`AsyncFunction`], which is opened and
/// closed on every subtask and can say what stands in for a result that did not come in time.
///
/// - `timeout` is for all that is done for a record, retries included: at least a millisecond, or [`Duration::MAX`] for as
///   long as it likes. What takes longer fails the job, unless the function's `timeout` makes a value.
/// - An error fails the job, unless a [retry strategy](AsyncRetryStrategy) has the call made again.
/// - At most [`capacity`](AsyncStream::capacity) records of a subtask are in flight, 100 unless set; the stream is held back
///   meanwhile.
/// - Records in flight are part of a snapshot, as inputs, and are called again after a restore. They are then dealt to the
///   subtasks anew, also those of a keyed stream.
///
/// ```
/// # use std::time::Duration;
/// # use riverrun_stream::DataStream;
/// # use riverrun_stream::stream::AsyncDataStream;
/// # async fn fetch(id: u64) -> std::io::Result<String> { Ok(id.to_string()) }
/// # fn program(ids: &DataStream<u64>) {
/// let users = AsyncDataStream::unordered_wait(
///     ids,
///     |id| async move { Ok::<_, std::io::Error>(vec![fetch(id).await?]) },
///     Duration::from_secs(2),
/// )
/// .capacity(1000);
/// users.print();
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncDataStream;

impl AsyncDataStream {
    /// Calls the closure for every record; results come in the order of their records.
    pub fn ordered_wait<T: Data, Out: Data, E: Into<FunctionError> + 'static, Fut>(
        stream: &DataStream<T>, function: impl FnMut(T) -> Fut + Clone + Send + 'static, timeout: Duration,
    ) -> AsyncStream<Out>
    where
        Fut: Future<Output = Result<Vec<Out>, E>> + Send + 'static,
    {
        Self::ordered_wait_function(stream, AsyncClosure(function, PhantomData), timeout)
    }

    /// As [`ordered_wait`](Self::ordered_wait), with calls that are made again.
    pub fn ordered_wait_with_retry<T: Data, Out: Data, E: Into<FunctionError> + 'static, Fut>(
        stream: &DataStream<T>, function: impl FnMut(T) -> Fut + Clone + Send + 'static, timeout: Duration,
        retry: AsyncRetryStrategy<Vec<Out>>,
    ) -> AsyncStream<Out>
    where
        Fut: Future<Output = Result<Vec<Out>, E>> + Send + 'static,
    {
        Self::ordered_wait_function_with_retry(stream, AsyncClosure(function, PhantomData), timeout, retry)
    }

    /// Calls the closure for every record; results come as soon as they are there.
    pub fn unordered_wait<T: Data, Out: Data, E: Into<FunctionError> + 'static, Fut>(
        stream: &DataStream<T>, function: impl FnMut(T) -> Fut + Clone + Send + 'static, timeout: Duration,
    ) -> AsyncStream<Out>
    where
        Fut: Future<Output = Result<Vec<Out>, E>> + Send + 'static,
    {
        Self::unordered_wait_function(stream, AsyncClosure(function, PhantomData), timeout)
    }

    /// As [`unordered_wait`](Self::unordered_wait), with calls that are made again.
    pub fn unordered_wait_with_retry<T: Data, Out: Data, E: Into<FunctionError> + 'static, Fut>(
        stream: &DataStream<T>, function: impl FnMut(T) -> Fut + Clone + Send + 'static, timeout: Duration,
        retry: AsyncRetryStrategy<Vec<Out>>,
    ) -> AsyncStream<Out>
    where
        Fut: Future<Output = Result<Vec<Out>, E>> + Send + 'static,
    {
        Self::unordered_wait_function_with_retry(stream, AsyncClosure(function, PhantomData), timeout, retry)
    }

    /// As [`ordered_wait`](Self::ordered_wait), with a function that is opened and closed on every subtask.
    pub fn ordered_wait_function<T: Data, F: AsyncFunction<T>>(
        stream: &DataStream<T>, function: F, timeout: Duration,
    ) -> AsyncStream<F::Out>
    where
        F::Out: Data,
    {
        wait(stream, function, OutputMode::Ordered, timeout, None)
    }

    /// As [`ordered_wait_function`](Self::ordered_wait_function), with calls that are made again.
    pub fn ordered_wait_function_with_retry<T: Data, F: AsyncFunction<T>>(
        stream: &DataStream<T>, function: F, timeout: Duration, retry: AsyncRetryStrategy<Vec<F::Out>>,
    ) -> AsyncStream<F::Out>
    where
        F::Out: Data,
    {
        wait(stream, function, OutputMode::Ordered, timeout, Some(retry))
    }

    /// As [`unordered_wait`](Self::unordered_wait), with a function that is opened and closed on every subtask.
    pub fn unordered_wait_function<T: Data, F: AsyncFunction<T>>(
        stream: &DataStream<T>, function: F, timeout: Duration,
    ) -> AsyncStream<F::Out>
    where
        F::Out: Data,
    {
        wait(stream, function, OutputMode::Unordered, timeout, None)
    }

    /// As [`unordered_wait_function`](Self::unordered_wait_function), with calls that are made again.
    pub fn unordered_wait_function_with_retry<T: Data, F: AsyncFunction<T>>(
        stream: &DataStream<T>, function: F, timeout: Duration, retry: AsyncRetryStrategy<Vec<F::Out>>,
    ) -> AsyncStream<F::Out>
    where
        F::Out: Data,
    {
        wait(stream, function, OutputMode::Unordered, timeout, Some(retry))
    }
}

fn wait<T: Data, F: AsyncFunction<T>>(
    stream: &DataStream<T>, function: F, mode: OutputMode, timeout: Duration,
    retry: Option<AsyncRetryStrategy<Vec<F::Out>>>,
) -> AsyncStream<F::Out>
where
    F::Out: Data,
{
    let name = match mode {
        OutputMode::Ordered => "Async Wait",
        OutputMode::Unordered => "Async Wait Unordered",
    };
    let settings = Settings::new(AsyncSettings { retry, ..AsyncSettings::new(mode, timeout) });
    settings.check(stream, name);
    let of_operator = settings.clone();
    let operator =
        cloning(function, move |function| Box::new(AsyncWaitOperator::<T, F>::new(function, of_operator.get())));
    AsyncStream { stream: stream.transform(name, operator), settings }
}

/// Settings that can be changed until the program is executed.
pub(super) struct Settings<S>(Arc<Mutex<S>>);

impl<S> Clone for Settings<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Clone> Settings<S> {
    pub(super) fn new(settings: S) -> Self {
        Self(Arc::new(Mutex::new(settings)))
    }

    pub(super) fn get(&self) -> S {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut S)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<R> Settings<AsyncSettings<R>> {
    fn check<T>(&self, stream: &DataStream<T>, operator: &str) {
        let settings = self.get();
        if settings.timeout.is_zero() {
            report(stream, operator, "timeout", "0".into(), "give a longer one, or `Duration::MAX` for none");
        }
        if let Some((option, given, rule)) = settings.retry.as_ref().and_then(AsyncRetryStrategy::mistake) {
            report(stream, operator, option, given, rule);
        }
    }
}

pub(super) fn report<T>(
    stream: &DataStream<T>, operator: &str, option: &'static str, given: String, rule: &'static str,
) {
    stream.report_invalid_option(operator, option, given, rule);
}

/// What comes of async calls, and the options of the operator that makes them. They can be set until the program is
/// executed. It is a [`DataStream`] otherwise.
pub struct AsyncStream<Out> {
    stream: SingleOutputStreamOperator<Out>,
    settings: Settings<AsyncSettings<Vec<Out>>>,
}

impl<Out> Deref for AsyncStream<Out> {
    type Target = SingleOutputStreamOperator<Out>;

    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}

impl<Out> AsRef<DataStream<Out>> for AsyncStream<Out> {
    fn as_ref(&self) -> &DataStream<Out> {
        &self.stream
    }
}

impl<Out: Data> AsyncStream<Out> {
    /// How many records of a subtask may be in flight: 100 unless set, at least 1.
    #[must_use]
    pub fn capacity(self, records: usize) -> Self {
        if records == 0 {
            report(&self.stream, "Async Wait", "capacity", "0".into(), "at least one record has to be in flight");
        }
        self.settings.change(|settings| settings.capacity = records);
        self
    }

    /// The stream itself, to be named or given a parallelism.
    #[must_use]
    pub fn into_stream(self) -> SingleOutputStreamOperator<Out> {
        self.stream
    }
}
