//! Runs one batch, whatever the runnable does.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::compute::{Compute, Held, Permits};
use crate::runnable::{ItemError, Runnable};

type Outcome<R> = Result<<R as Runnable>::Output, ItemError>;

/// One result per item, in order.
///
/// A batch that fails as a whole is run again in halves, until the culprit stands alone: with one bad item among n, in some
/// 2·log₂ n calls.
pub(crate) fn execute<R: Runnable>(
    runnable: &R, permits: &'static Permits, method: &str, batch: Vec<R::Prepared>,
) -> Vec<Outcome<R>> {
    let count = batch.len();
    // A lone item's error is its own; with company, a copy is kept for the second try.
    let again = if count > 1 { batch.clone() } else { Vec::new() };
    let error = match call(runnable, permits, method, batch) {
        Ok(results) if results.len() == count => return results,
        Ok(results) => {
            let error = miscounted(count, results.len());
            return (0..count).map(|_| Err(error.clone())).collect();
        }
        Err(error) => error,
    };
    if count <= 1 {
        return (0..count).map(|_| Err(error.clone())).collect();
    }
    let mut first = again;
    let second = first.split_off(count / 2);
    let mut results = execute(runnable, permits, method, first);
    results.extend(execute(runnable, permits, method, second));
    results
}

/// Runs a batch of one.
pub(crate) fn execute_one<R: Runnable>(
    runnable: &R, permits: &'static Permits, method: &str, item: R::Prepared,
) -> Outcome<R> {
    let mut results = call(runnable, permits, method, vec![item])?;
    match (results.pop(), results.len()) {
        (Some(result), 0) => result,
        (None, _) => Err(miscounted(1, 0)),
        (Some(_), more) => Err(miscounted(1, more + 1)),
    }
}

fn call<R: Runnable>(
    runnable: &R, permits: &'static Permits, method: &str, batch: Vec<R::Prepared>,
) -> Result<Vec<Outcome<R>>, ItemError> {
    guarded("run", || {
        let _held = Held::mark(permits);
        runnable.run_method(method, batch, &Compute::lending(permits))
    })
}

/// Calls user code; a panic becomes an error with its message.
pub(crate) fn guarded<T>(stage: &str, call: impl FnOnce() -> Result<T, ItemError>) -> Result<T, ItemError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        Err(ItemError::new(format!(
            "the runnable panicked in `{stage}`: {}; the runner goes on, the fault is the runnable's",
            message(&*panic)
        )))
    })
}

/// What a panic says.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it left no message")
}

fn miscounted(items: usize, results: usize) -> ItemError {
    ItemError::new(format!(
        "the runnable answered a batch of {items} with {results} results, so none can be told whose it is; \
         `Runnable::run` returns one per item"
    ))
}
