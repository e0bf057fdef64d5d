//! A call for many values at once that takes its time elsewhere.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::context::RuntimeContext;
use crate::error::{FunctionError, Result};

/// Makes one value of each value, many in one call.
///
/// Riverrun's own: what a service with batches wants. When a batch is called, and how large it is, is said at
/// [`AsyncBatchStream`](crate::stream::AsyncBatchStream).
pub trait AsyncBatchFunction<In>: Clone + Send + 'static {
    /// What it makes of one value.
    type Out;

    /// Called once per subtask before the first value: the place for a client.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// What a value adds to its batch, in whatever `max_batch_cost` counts: 1 unless said.
    fn cost(&self, value: &In) -> usize {
        let _ = value;
        1
    }

    /// Begins the call of a batch. What is said at
    /// [`AsyncFunction::async_invoke`](crate::functions::AsyncFunction::async_invoke) holds here too.
    ///
    /// It gives one result for each value, in order; an error of its own is the error of every value in the batch.
    fn async_invoke(&mut self, batch: Vec<In>)
    -> impl Future<Output = Result<Vec<Result<Self::Out>>>> + Send + 'static;

    /// What stands in for the results of the values that had none when the timeout of their batch was over: one for each.
    ///
    /// # Errors
    /// An error is that of every one of them; that is the default.
    fn timeout(&mut self, batch: Vec<In>) -> Result<Vec<Result<Self::Out>>> {
        let _ = batch;
        Err(FunctionError::external("raise the timeout, or give the function a `timeout` that makes values"))
    }

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

/// A record that had no result, and why: what the error output of a batched operator carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRecord<T> {
    /// The record, unchanged.
    pub record: T,
    /// What went wrong with it.
    pub error: String,
}

/// A closure as a batch function; every value costs 1.
pub(crate) struct AsyncBatchClosure<F, E>(pub(crate) F, pub(crate) PhantomData<fn() -> E>);

impl<F: Clone, E> Clone for AsyncBatchClosure<F, E> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<In, Out, E, Fut, F> AsyncBatchFunction<In> for AsyncBatchClosure<F, E>
where
    F: FnMut(Vec<In>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<Vec<Result<Out>>, E>> + Send + 'static,
    E: Into<FunctionError> + 'static,
{
    type Out = Out;

    fn async_invoke(&mut self, batch: Vec<In>) -> impl Future<Output = Result<Vec<Result<Out>>>> + Send + 'static {
        let call = (self.0)(batch);
        async move { call.await.map_err(Into::into) }
    }
}
