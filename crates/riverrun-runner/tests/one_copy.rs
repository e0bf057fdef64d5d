//! What is loaded, how often, and when it is gone. One test: it counts the threads of its process.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use riverrun_runner::{Batching, Compute, ItemError, Prepared, Runnable, Runner, RunnerError};

/// Counts how many of it live.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Runnable for Counted {
    type Input = usize;
    type Prepared = usize;
    type Output = usize;

    fn prepare(&self, value: usize) -> Result<Prepared<usize>, ItemError> {
        Ok(Prepared { value, cost: 1 })
    }

    fn run(&self, batch: Vec<usize>, _: &Compute) -> Result<Vec<Result<usize, ItemError>>, ItemError> {
        Ok(batch.into_iter().map(|value| Ok(value + 1)).collect())
    }
}

#[test]
fn one_copy_per_process_is_released_with_the_last_runner_and_so_are_the_threads() {
    let alive = Arc::new(AtomicUsize::new(0));
    let loads = Arc::new(AtomicUsize::new(0));
    let runner = || {
        let (alive, loads) = (alive.clone(), loads.clone());
        Runner::lazy("counted", "counted:1", move || {
            thread::sleep(Duration::from_millis(20));
            alive.fetch_add(1, Ordering::SeqCst);
            loads.fetch_add(1, Ordering::SeqCst);
            Ok(Counted(alive.clone()))
        })
    };

    // Many at once: one loads, the others wait for it.
    let runners: Vec<Runner<Counted>> = (0..8).map(|_| runner()).collect();
    thread::scope(|scope| {
        for runner in &runners {
            scope.spawn(|| runner.init_local().unwrap());
        }
    });
    let other_limits = runner().batching(Batching::default().max_batch_size(2));
    other_limits.init_local().unwrap();
    assert_eq!(loads.load(Ordering::SeqCst), 1);

    // They share the queue too, and its counts.
    assert_eq!(runners[0].run(1_usize), Ok(2));
    assert_eq!(runners[7].stats().items, 1);
    let (sender, receiver) = std::sync::mpsc::channel();
    runners[1].submit(5, move |answer| sender.send(answer).unwrap()).unwrap();
    assert_eq!(receiver.recv().unwrap(), Ok(6));
    assert!(Compute::worker_threads() > 0);

    let last = runners[3].clone();
    drop(runners);
    drop(other_limits);
    assert_eq!(last.run(1_usize), Ok(2));
    assert_eq!(alive.load(Ordering::SeqCst), 1);

    drop(last);
    let gone = || alive.load(Ordering::SeqCst) == 0 && Compute::worker_threads() == 0;
    for _ in 0..2_000 {
        if gone() {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(gone());

    // The next one loads anew, and a loader that fails is asked again.
    let again = runner();
    again.init_local().unwrap();
    assert_eq!(loads.load(Ordering::SeqCst), 2);
    let attempts = AtomicUsize::new(0);
    let flaky: Runner<Counted> = Runner::lazy("flaky", "flaky:1", move || {
        if attempts.fetch_add(1, Ordering::SeqCst) == 0 {
            let (runner, reason) = ("flaky".into(), "the disk is away".into());
            return Err(RunnerError::Load { runner, reason });
        }
        let alive = Arc::new(AtomicUsize::new(1));
        Ok(Counted(alive))
    });
    assert!(flaky.init_local().unwrap_err().to_string().contains("the disk is away"));
    assert_eq!(flaky.init_local(), Ok(()));
}
