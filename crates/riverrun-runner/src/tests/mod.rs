//! What a caller can rely on, on a number of permits of the test's choosing.

mod arrivals;
mod batches;
mod bisection;
mod cache;
mod deadlines;
mod erased;
mod failures;
mod likeness;
mod methods;
mod priorities;
mod remote;
mod replaced;
mod reports;
mod stress;
mod threads;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use crate::compute::Permits;
use crate::{Batching, Compute, ItemError, Prepared, RequestOptions, Runnable, Runner, RunnerError, Signature};

type Outcomes = Result<Vec<Result<i64, ItemError>>, ItemError>;
/// What a runner ran, batch by batch.
type Batches = Arc<Mutex<Vec<Vec<i64>>>>;
type Body = dyn Fn(&[i64], &Compute) -> Outcomes + Send + Sync;

/// Computes with a closure; an item costs its absolute value, at least 1. Records the batches.
struct Numbers {
    body: Box<Body>,
    batches: Batches,
}

impl Runnable for Numbers {
    type Input = i64;
    type Prepared = i64;
    type Output = i64;

    fn prepare(&self, input: i64) -> Result<Prepared<i64>, ItemError> {
        if input == i64::MIN {
            return Err(ItemError::new("too small"));
        }
        Ok(Prepared { value: input, cost: 1 })
    }

    fn run(&self, batch: Vec<i64>, compute: &Compute) -> Outcomes {
        self.batches.lock().unwrap().push(batch.clone());
        (self.body)(&batch, compute)
    }
}

fn double(batch: &[i64]) -> Outcomes {
    Ok(batch.iter().map(|number| Ok(number * 2)).collect())
}

fn permits(count: usize) -> &'static Permits {
    Box::leak(Box::new(Permits::new(count)))
}

/// A runner on `permits`, and the batches that it ran.
fn numbers(
    permits: &'static Permits, batching: Batching, body: impl Fn(&[i64], &Compute) -> Outcomes + Send + Sync + 'static,
) -> (Runner<Numbers>, Batches) {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let runnable = Numbers { body: Box::new(body), batches: batches.clone() };
    let runner = Runner::new("numbers", runnable).batching(batching).on_permits(permits);
    runner.init_local().unwrap();
    (runner, batches)
}

/// Holds batches up until it is opened.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    fn pass(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut open = self.open.lock().unwrap();
        while !*open {
            open = self.opened.wait(open).unwrap();
        }
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn until_reached(&self) {
        until(|| self.waiting.load(Ordering::SeqCst) > 0);
    }
}

fn until(condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("it did not come to pass");
}

/// A runner with one permit whose first batch, `[0]`, is held up by the gate.
fn gated(batching: Batching) -> (Runner<Numbers>, Batches, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let (runner, batches) = numbers(permits(1), batching, move |batch, _| {
        if batch == [0] {
            at.pass();
        }
        double(batch)
    });
    runner.submit(0, |_| {}).unwrap();
    gate.until_reached();
    (runner, batches, gate)
}

/// Submits `inputs` one by one; the receiver gets the answers.
fn submit_all(runner: &Runner<Numbers>, inputs: &[i64]) -> mpsc::Receiver<Result<i64, RunnerError>> {
    let (sender, receiver) = mpsc::channel();
    for &input in inputs {
        let sender = sender.clone();
        runner.submit(input, move |answer| sender.send(answer).unwrap()).unwrap();
    }
    receiver
}
