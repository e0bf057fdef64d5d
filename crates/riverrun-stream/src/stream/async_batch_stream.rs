//! What comes of async calls of many records each: [`AsyncBatchStream`].

use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use crate::data::Data;
use crate::error::FunctionError;
use crate::functions::{AsyncBatchClosure, AsyncBatchFunction, AsyncRetryStrategy, FailedRecord, OutputTag};
use crate::operator::AsyncBatchOperator;
use crate::operator::async_wait::{AsyncSettings, BatchLimits, OutputMode};
use crate::source::ERROR_OUTPUT;
use crate::stream::async_data_stream::{AsyncDataStream, Settings, report};
use crate::stream::data_stream::cloning;
use crate::stream::{DataStream, SingleOutputStreamOperator};

/// The batched form, which is Riverrun's own: one call for many records. See [`AsyncBatchStream`] for what can be set.
impl AsyncDataStream {
    /// Calls the closure for batches of records; results come in the order of their records.
    ///
    /// The closure gives one result or error for each record of the batch, in order.
    pub fn ordered_batch_wait<T: Data, Out: Data, E: Into<FunctionError> + 'static, Fut>(
        stream: &DataStream<T>, function: impl FnMut(Vec<T>) -> Fut + Clone + Send + 'static, timeout: Duration,
    ) -> AsyncBatchStream<T, Out>
    where
        Fut: Future<Output = Result<Vec<Result<Out, FunctionError>>, E>> + Send + 'static,
    {
        Self::ordered_batch_wait_function(stream, AsyncBatchClosure(function, PhantomData), timeout)
    }

    /// Calls the closure for batches of records; results come as soon as they are there.
    ///
    /// The closure gives one result or error for each record of the batch, in order.
    pub fn unordered_batch_wait<T: Data, Out: Data, E: Into<FunctionError> + 'static, Fut>(
        stream: &DataStream<T>, function: impl FnMut(Vec<T>) -> Fut + Clone + Send + 'static, timeout: Duration,
    ) -> AsyncBatchStream<T, Out>
    where
        Fut: Future<Output = Result<Vec<Result<Out, FunctionError>>, E>> + Send + 'static,
    {
        Self::unordered_batch_wait_function(stream, AsyncBatchClosure(function, PhantomData), timeout)
    }

    /// As [`ordered_batch_wait`](Self::ordered_batch_wait), with a function that is opened and closed on every subtask.
    pub fn ordered_batch_wait_function<T: Data, F: AsyncBatchFunction<T>>(
        stream: &DataStream<T>, function: F, timeout: Duration,
    ) -> AsyncBatchStream<T, F::Out>
    where
        F::Out: Data,
    {
        wait(stream, function, OutputMode::Ordered, timeout)
    }

    /// As [`unordered_batch_wait`](Self::unordered_batch_wait), with a function that is opened and closed on every subtask.
    pub fn unordered_batch_wait_function<T: Data, F: AsyncBatchFunction<T>>(
        stream: &DataStream<T>, function: F, timeout: Duration,
    ) -> AsyncBatchStream<T, F::Out>
    where
        F::Out: Data,
    {
        wait(stream, function, OutputMode::Unordered, timeout)
    }
}

const NAME: &str = "Async Batch Wait";

/// How many records may be in flight unless said otherwise: a few batches.
const DEFAULT_CAPACITY: usize = 1024;

fn wait<T: Data, F: AsyncBatchFunction<T>>(
    stream: &DataStream<T>, function: F, mode: OutputMode, timeout: Duration,
) -> AsyncBatchStream<T, F::Out>
where
    F::Out: Data,
{
    let of_call = AsyncSettings { capacity: DEFAULT_CAPACITY, ..AsyncSettings::new(mode, timeout) };
    let settings = Settings::new((of_call, BatchLimits::default()));
    if timeout.is_zero() {
        report(stream, NAME, "timeout", "0".into(), "give a longer one, or `Duration::MAX` for none");
    }
    let of_operator = settings.clone();
    let operator = cloning(function, move |function| {
        let (settings, limits) = of_operator.get();
        Box::new(AsyncBatchOperator::<T, F>::new(function, settings, limits))
    });
    AsyncBatchStream { stream: stream.transform(NAME, operator), settings, input: PhantomData }
}

/// What comes of async calls of many records each, and the options of the operator that makes them. They can be set until the
/// program is executed. It is a [`DataStream`] otherwise.
///
/// A batch is called when it has [`max_batch_size`](Self::max_batch_size) records, when another record would make it cost more
/// than [`max_batch_cost`](Self::max_batch_cost), when its first record has waited for [`max_delay`](Self::max_delay), and at the
/// end of the input. A checkpoint neither calls it nor waits for it.
pub struct AsyncBatchStream<T, Out> {
    stream: SingleOutputStreamOperator<Out>,
    settings: Settings<(AsyncSettings<Out>, BatchLimits)>,
    input: PhantomData<fn() -> T>,
}

impl<T, Out> Deref for AsyncBatchStream<T, Out> {
    type Target = SingleOutputStreamOperator<Out>;

    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}

impl<T, Out> AsRef<DataStream<Out>> for AsyncBatchStream<T, Out> {
    fn as_ref(&self) -> &DataStream<Out> {
        &self.stream
    }
}

impl<T: Data, Out: Data> AsyncBatchStream<T, Out> {
    fn set(
        self, option: &'static str, value: usize, set: impl FnOnce(&mut AsyncSettings<Out>, &mut BatchLimits),
    ) -> Self {
        if value == 0 {
            report(&self.stream, NAME, option, "0".into(), "it has to be at least 1");
        }
        self.settings.change(|(settings, limits)| set(settings, limits));
        self
    }

    /// How many records of a subtask may be in flight, those that wait for their batch included: 1,024 unless set, at least 1.
    #[must_use]
    pub fn capacity(self, records: usize) -> Self {
        self.set("capacity", records, |settings, _| settings.capacity = records)
    }

    /// The most records in a batch: 64 unless set, at least 1, and never more than the capacity.
    #[must_use]
    pub fn max_batch_size(self, records: usize) -> Self {
        self.set("max_batch_size", records, |_, limits| limits.max_batch_size = records)
    }

    /// The most that the records of a batch [cost](AsyncBatchFunction::cost) together: without limit unless set, at least 1. A
    /// record that costs more by itself is called alone.
    #[must_use]
    pub fn max_batch_cost(self, cost: usize) -> Self {
        self.set("max_batch_cost", cost, |_, limits| limits.max_batch_cost = cost)
    }

    /// How long a record may wait for others to be called with: 10 ms unless set; zero waits for none but those that have
    /// arrived.
    #[must_use]
    pub fn max_delay(self, delay: Duration) -> Self {
        self.settings.change(|(_, limits)| limits.max_delay = delay);
        self
    }

    /// Has the call made again for those records of a batch that the strategy says so of, within the batch's timeout.
    #[must_use]
    pub fn retry(self, strategy: AsyncRetryStrategy<Out>) -> Self {
        if let Some((option, given, rule)) = strategy.mistake() {
            report(&self.stream, NAME, option, given, rule);
        }
        self.settings.change(|(settings, _)| settings.retry = Some(strategy));
        self
    }

    /// The records that had no result. Once this stream is asked for, they no longer fail the job.
    #[must_use]
    pub fn failures(&self) -> DataStream<FailedRecord<T>> {
        self.settings.change(|(_, limits)| limits.route_errors = true);
        self.stream.get_side_output(&OutputTag::new(ERROR_OUTPUT))
    }

    /// The stream itself, to be named or given a parallelism.
    #[must_use]
    pub fn into_stream(self) -> SingleOutputStreamOperator<Out> {
        self.stream
    }
}
