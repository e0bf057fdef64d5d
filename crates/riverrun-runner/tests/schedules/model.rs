//! What must hold in every schedule.

use std::sync::Arc;
use std::time::Duration;

use shuttle::scheduler::RandomScheduler;
use shuttle::sync::mpsc;
use shuttle::{Config, thread};

use crate::compute::Permits;
use crate::sync::{Condvar, Mutex, lock, wait};
use crate::{Batching, Compute, ItemError, Prepared, Runnable, Runner, RunnerError};

const PERMITS: usize = 2;

/// Where two batches meet: each waits until the other is computed at the same time.
#[derive(Default)]
struct Meeting {
    arrived: Mutex<usize>,
    wake: Condvar,
}

impl Meeting {
    fn pass(&self) {
        let mut arrived = lock(&self.arrived);
        *arrived += 1;
        let round = arrived.div_ceil(2) * 2;
        self.wake.notify_all();
        while *arrived < round {
            arrived = wait(&self.wake, arrived);
        }
    }
}

/// Zero borrows whatever permit is idle, a positive number meets another one, a negative one does neither.
#[derive(Default)]
struct Meets(Meeting);

impl Runnable for Meets {
    type Input = i64;
    type Prepared = i64;
    type Output = i64;

    fn prepare(&self, value: i64) -> Result<Prepared<i64>, ItemError> {
        Ok(Prepared { value, cost: 1 })
    }

    fn run(&self, batch: Vec<i64>, compute: &Compute) -> Result<Vec<Result<i64, ItemError>>, ItemError> {
        for &n in &batch {
            match n {
                0 => assert!((1..=PERMITS).contains(&compute.threads())),
                1.. => self.0.pass(),
                _ => thread::yield_now(),
            }
        }
        Ok(batch.into_iter().map(|n| Ok(n * 2)).collect())
    }
}

/// Runs `body` under many schedules. A thread that waits for ever fails it, and so does a permit that does not come back.
fn in_every_schedule(body: impl Fn(Runner<Meets>) + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 0x4_0000;
    let runner = shuttle::Runner::new(RandomScheduler::new(1500), config);
    runner.run(move || {
        let permits: &'static Permits = Box::leak(Box::new(Permits::new(PERMITS)));
        let batching = Batching::default().max_batch_size(1).max_latency(Duration::ZERO);
        let runner = Runner::new("meets", Meets::default()).batching(batching).on_permits(permits);
        runner.init_local().unwrap();
        body(runner);
        while permits.idle() < PERMITS {
            thread::yield_now();
        }
    });
}

fn submit(runner: &Runner<Meets>, inputs: &[i64]) -> mpsc::Receiver<Result<i64, RunnerError>> {
    let (sender, receiver) = mpsc::channel();
    for &input in inputs {
        let sender = sender.clone();
        runner.submit(input, move |answer| sender.send(answer).unwrap()).unwrap();
    }
    receiver
}

fn all<T>(receiver: &mpsc::Receiver<Result<T, RunnerError>>, count: usize) {
    for _ in 0..count {
        receiver.recv().unwrap().unwrap();
    }
}

#[test]
fn submitted_batches_are_computed_on_all_permits_at_once() {
    in_every_schedule(|runner| {
        let answers = submit(&runner, &[1, 2, 3, 4]);
        all(&answers, 4);
    });
}

#[test]
fn a_batch_of_a_caller_is_computed_on_all_permits_at_once() {
    in_every_schedule(|runner| {
        let answers = runner.run_batch(vec![1_i64, 2, 3, 4]).unwrap();
        assert!(answers.into_iter().zip(1..).all(|(answer, n)| answer == Ok(n * 2)));
    });
}

#[test]
fn two_callers_compute_at_once() {
    in_every_schedule(|runner| {
        let other = thread::spawn({
            let runner = runner.clone();
            move || assert_eq!(runner.run(1), Ok(2))
        });
        assert_eq!(runner.run(2), Ok(4));
        other.join().unwrap();
    });
}

#[test]
fn a_lent_permit_is_put_to_work_again() {
    in_every_schedule(|runner| {
        all(&submit(&runner, &[0]), 1);
        let lone = submit(&runner, &[0]);
        let answers = runner.run_batch(vec![0_i64, -1]).unwrap();
        assert!(answers.iter().all(Result::is_ok));
        all(&lone, 1);
        // Nothing borrows any more: these two have to meet.
        all(&submit(&runner, &[1, 2]), 2);
    });
}

#[test]
fn permits_come_to_those_who_claimed_them_while_they_were_lent() {
    in_every_schedule(|runner| {
        let answers = submit(&runner, &[0, 1, 2]);
        all(&answers, 3);
    });
}

#[test]
fn every_way_to_call_is_answered_beside_every_other() {
    in_every_schedule(|runner| {
        let callers: Vec<_> = (0..3)
            .map(|caller| {
                let runner = runner.clone();
                thread::spawn(move || match caller {
                    0 => all(&submit(&runner, &[0, -1, -2]), 3),
                    1 => assert!(runner.run_batch(vec![-3_i64, 0, -4]).unwrap().iter().all(Result::is_ok)),
                    _ => assert_eq!(runner.run(-5), Ok(-10)),
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    });
}

#[test]
fn requests_are_answered_though_the_last_runner_is_dropped() {
    in_every_schedule(|runner| {
        let answers = submit(&runner, &[-1, 0, -2]);
        drop(runner);
        all(&answers, 3);
    });
}
