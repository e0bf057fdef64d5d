//! A call for each value that takes its time elsewhere.

use std::marker::PhantomData;

use crate::context::RuntimeContext;
use crate::error::{FunctionError, Result};

/// Makes any number of values of each value, by a call that does not hold up the stream. Same as Flink's `AsyncFunction`.
///
/// ```
/// use riverrun_stream::Result;
/// use riverrun_stream::functions::AsyncFunction;
///
/// #[derive(Clone)]
/// struct LookUp;
///
/// impl AsyncFunction<u64> for LookUp {
///     type Out = String;
///
///     fn async_invoke(&mut self, id: u64) -> impl Future<Output = Result<Vec<String>>> + Send + 'static {
///         async move { Ok(vec![format!("user {id}")]) }
///     }
/// }
/// ```
pub trait AsyncFunction<In>: Clone + Send + 'static {
    /// What it makes.
    type Out;

    /// Called once per subtask before the first value: the place for a client.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Begins a call. The future is polled once here, on the task's thread, and from then on by the host's executor: up to its
    /// first `await` it must be short, and nowhere may it block. It can't borrow the function: clone what it needs.
    ///
    /// Its error fails the task, unless a retry strategy has the call made again. A panic in it is its error.
    fn async_invoke(&mut self, value: In) -> impl Future<Output = Result<Vec<Self::Out>>> + Send + 'static;

    /// What stands in for the results where the call, retries included, took longer than the timeout. The future is dropped.
    ///
    /// # Errors
    /// An error fails the task; that is the default.
    fn timeout(&mut self, value: In) -> Result<Vec<Self::Out>> {
        let _ = value;
        Err(timed_out())
    }

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

fn timed_out() -> FunctionError {
    FunctionError::external("raise the timeout, or give the function a `timeout` that makes a value")
}

/// A closure as a function, with the error type that it uses.
pub(crate) struct AsyncClosure<F, E>(pub(crate) F, pub(crate) PhantomData<fn() -> E>);

impl<F: Clone, E> Clone for AsyncClosure<F, E> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<In, Out, E, Fut, F> AsyncFunction<In> for AsyncClosure<F, E>
where
    F: FnMut(In) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<Vec<Out>, E>> + Send + 'static,
    E: Into<FunctionError> + 'static,
{
    type Out = Out;

    fn async_invoke(&mut self, value: In) -> impl Future<Output = Result<Vec<Out>>> + Send + 'static {
        let call = (self.0)(value);
        async move { call.await.map_err(Into::into) }
    }
}
