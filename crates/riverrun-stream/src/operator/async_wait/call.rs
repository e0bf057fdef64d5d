//! A call of an async function: its first poll here, the rest on the host's executor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::error::{FunctionError, Result};
use crate::operator::{SpawnedTask, Spawner};

/// What the first poll of a call came to.
pub(super) enum Begun<F, R> {
    /// It has its result already: no other thread need hear of it.
    Done(Result<R>),
    /// It waits for something.
    Waiting(Guarded<F>),
}

/// Makes a future and polls it once. Whatever panics in there is the call's error.
pub(super) fn begin<F: Future<Output = Result<R>>, R>(make: impl FnOnce() -> F) -> Begun<F, R> {
    let made = catch_unwind(AssertUnwindSafe(|| Guarded(Box::pin(make()))));
    let mut future = match made {
        Ok(future) => future,
        Err(payload) => return Begun::Done(Err(FunctionError::from_panic(&*payload))),
    };
    // The executor polls it again with a waker of its own, so nobody is woken for this one.
    match Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Begun::Done(result),
        Poll::Pending => Begun::Waiting(future),
    }
}

/// A future whose panics are its error.
pub(super) struct Guarded<F>(Pin<Box<F>>);

impl<F: Future<Output = Result<R>>, R> Future for Guarded<F> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R>> {
        let future = self.0.as_mut();
        catch_unwind(AssertUnwindSafe(|| future.poll(context)))
            .unwrap_or_else(|payload| Poll::Ready(Err(FunctionError::from_panic(&*payload))))
    }
}

impl<F: Future<Output = Result<R>> + Send, R: Send> Guarded<F> {
    /// Has the executor run it to its end.
    pub(super) fn spawn(
        self, spawner: &dyn Spawner, on_done: impl FnOnce(Result<R>) + Send + 'static,
    ) -> Result<Box<dyn SpawnedTask>>
    where
        F: 'static,
        R: 'static,
    {
        spawner.spawn(Box::pin(async move { on_done(self.await) }))
    }
}
