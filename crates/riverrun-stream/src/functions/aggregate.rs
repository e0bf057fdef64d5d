//! Many values become one of another type.

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::error::Result;

/// Aggregates values in an accumulator of its own type. Same as Flink's `AggregateFunction`.
///
/// ```
/// use riverrun_stream::Result;
/// use riverrun_stream::functions::AggregateFunction;
///
/// #[derive(Clone)]
/// struct Mean;
///
/// impl AggregateFunction<f64> for Mean {
///     type Accumulator = (f64, u64);
///     type Out = f64;
///
///     fn create_accumulator(&mut self) -> (f64, u64) {
///         (0.0, 0)
///     }
///
///     fn add(&mut self, value: &f64, (sum, count): &mut (f64, u64)) -> Result {
///         *sum += value;
///         *count += 1;
///         Ok(())
///     }
///
///     fn get_result(&mut self, (sum, count): &(f64, u64)) -> Result<f64> {
///         Ok(sum / *count as f64)
///     }
///
///     fn merge(&mut self, into: &mut (f64, u64), from: (f64, u64)) -> Result {
///         into.0 += from.0;
///         into.1 += from.1;
///         Ok(())
///     }
/// }
/// ```
pub trait AggregateFunction<In>: Clone + Send + 'static {
    /// What it keeps while values come.
    type Accumulator: Data;

    /// What it makes.
    type Out;

    /// Whether accumulators can be merged in any order and grouping with the same result to the last bit, as integers can be
    /// added and floating-point numbers cannot. Sliding windows then share work.
    fn is_mergeable(&self) -> bool {
        false
    }

    /// Called once per subtask before the first value.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// An accumulator without values.
    fn create_accumulator(&mut self) -> Self::Accumulator;

    /// Adds a value to an accumulator.
    ///
    /// # Errors
    /// An error fails the task.
    fn add(&mut self, value: &In, accumulator: &mut Self::Accumulator) -> Result;

    /// The result for what an accumulator holds.
    ///
    /// # Errors
    /// An error fails the task.
    fn get_result(&mut self, accumulator: &Self::Accumulator) -> Result<Self::Out>;

    /// Adds what `from` holds to `into`. Called for session windows, and for sliding windows that share work.
    ///
    /// # Errors
    /// An error fails the task.
    fn merge(&mut self, into: &mut Self::Accumulator, from: Self::Accumulator) -> Result;

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

/// The number of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count;

impl<In> AggregateFunction<In> for Count {
    type Accumulator = u64;
    type Out = u64;

    fn is_mergeable(&self) -> bool {
        true
    }

    fn create_accumulator(&mut self) -> u64 {
        0
    }

    #[inline]
    fn add(&mut self, _: &In, count: &mut u64) -> Result {
        *count += 1;
        Ok(())
    }

    fn get_result(&mut self, count: &u64) -> Result<u64> {
        Ok(*count)
    }

    fn merge(&mut self, into: &mut u64, from: u64) -> Result {
        *into += from;
        Ok(())
    }
}
