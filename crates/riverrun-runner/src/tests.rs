//! What a caller can rely on, on a number of permits of the test's choosing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use crate::compute::Permits;
use crate::{Batching, Compute, ItemError, Prepared, Runnable, Runner, RunnerError, Signature};

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

#[test]
fn one_bad_text_in_a_batch_fails_alone() {
    let (runner, _) = numbers(permits(2), Batching::default(), |batch, _| {
        if batch.contains(&13) { Err(ItemError::new("unlucky")) } else { double(batch) }
    });

    let answers = runner.run_batch(vec![1, 13, 3]).unwrap();

    assert_eq!(answers[0], Ok(2));
    assert_eq!(answers[2], Ok(6));
    let message = answers[1].as_ref().unwrap_err().to_string();
    assert_eq!(message, "runner `numbers`: unlucky");
}

#[test]
fn an_item_that_cannot_be_prepared_never_reaches_a_batch() {
    let (runner, batches) = numbers(permits(1), Batching::default(), |batch, _| double(batch));

    let answers = runner.run_batch(vec![1, i64::MIN, 3]).unwrap();

    assert!(answers[1].is_err());
    assert_eq!(batches.lock().unwrap().concat(), [1, 3]);
    assert_eq!(runner.stats().failed_items, 1);
}

#[test]
fn the_oldest_request_is_in_the_next_batch() {
    let (runner, batches, gate) = gated(Batching::default().max_batch_size(2));
    let answers = submit_all(&runner, &[1, 2, 3, 4, 5]);

    gate.open();

    assert_eq!(answers.iter().take(5).map(Result::unwrap).collect::<Vec<_>>(), [2, 4, 6, 8, 10]);
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![1, 2], vec![3, 4], vec![5]]);
}

#[test]
fn a_batch_reaches_exactly_its_maximum_size() {
    let (runner, batches, gate) = gated(Batching::default().max_batch_size(4));
    let answers = submit_all(&runner, &[1, 2, 3, 4, 5, 6, 7, 8]);

    gate.open();

    assert_eq!(answers.iter().take(8).count(), 8);
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![1, 2, 3, 4], vec![5, 6, 7, 8]]);
}

#[test]
fn blocked_callers_are_batched_too() {
    let (runner, batches, gate) = gated(Batching::default());

    thread::scope(|scope| {
        let callers: Vec<_> = (1..=4)
            .map(|n| {
                scope.spawn({
                    let runner = &runner;
                    move || runner.run(n)
                })
            })
            .collect();
        until(|| runner.stats().queue_length == 4);
        gate.open();
        for (n, caller) in (1..).zip(callers) {
            assert_eq!(caller.join().unwrap(), Ok(n * 2));
        }
    });

    let mut batches = batches.lock().unwrap().clone();
    batches[1].sort_unstable();
    assert_eq!(batches, [vec![0], vec![1, 2, 3, 4]]);
}

#[test]
fn a_maximum_batch_size_of_one_works() {
    let batching = Batching::default().max_batch_size(1);
    let (runner, batches) = numbers(permits(2), batching, |batch, _| double(batch));

    let answers = runner.run_batch((0..20).collect()).unwrap();

    assert_eq!(answers, (0..20).map(|n| Ok(n * 2)).collect::<Vec<_>>());
    assert!(batches.lock().unwrap().iter().all(|batch| batch.len() == 1));
}

#[test]
fn an_abandoned_request_is_not_computed() {
    let (runner, batches, gate) = gated(Batching::default());
    let mut abandoned = Box::pin(runner.async_run(1));
    let mut context = Context::from_waker(Waker::noop());
    assert!(abandoned.as_mut().poll(&mut context).is_pending());
    let answers = submit_all(&runner, &[2]);

    drop(abandoned);
    gate.open();

    assert_eq!(answers.recv().unwrap(), Ok(4));
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![2]]);
    assert_eq!(runner.stats().abandoned, 1);
}

#[test]
fn a_request_that_timed_out_is_not_computed() {
    let (runner, batches, gate) = gated(Batching::default());

    let answer = runner.run_timeout(1, Duration::from_millis(20));
    gate.open();
    let after = runner.run(2);

    let timeout = Duration::from_millis(20);
    assert_eq!(answer, Err(RunnerError::TimedOut { runner: "numbers".into(), timeout }));
    assert_eq!(after, Ok(4));
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![2]]);
}

#[test]
fn a_full_queue_refuses_those_who_do_not_wait_and_keeps_the_others_waiting() {
    let (runner, _, gate) = gated(Batching::default().max_queue(2));
    let answers = submit_all(&runner, &[1, 2]);
    let (room, has_room) = mpsc::channel();
    runner.when_room(move || room.send(()).unwrap()).unwrap();

    let refused = runner.submit(3, |_| panic!("it was not accepted")).unwrap_err();
    let refused_batch = runner.submit_batch(vec![3, 4], |_| panic!("nor was this")).unwrap_err();

    assert_eq!(refused.input, 3);
    assert_eq!(refused_batch.input, [3, 4]);
    assert!(matches!(refused.error, RunnerError::QueueFull { waiting: 2, max_queue: 2, .. }));
    assert!(matches!(runner.try_run(3), Err(RunnerError::QueueFull { .. })));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| runner.run(5));
        until(|| runner.stats().queue_length == 3);
        assert!(has_room.try_recv().is_err());
        gate.open();
        assert_eq!(waiting.join().unwrap(), Ok(10));
    });
    assert_eq!(answers.iter().take(2).count(), 2);
    has_room.recv().unwrap();
    assert_eq!(runner.room(), Ok(2));
}

#[test]
fn a_batch_larger_than_the_queue_is_answered_in_order() {
    let batching = Batching::default().max_queue(3).max_batch_size(2);
    let (runner, _) = numbers(permits(2), batching, |batch, _| double(batch));

    let answers = runner.run_batch((0..200).collect()).unwrap();

    assert_eq!(answers, (0..200).map(|n| Ok(n * 2)).collect::<Vec<_>>());
}

#[test]
fn a_wrong_number_of_results_fails_the_items_of_the_batch() {
    let (runner, _) = numbers(permits(1), Batching::default(), |_, _| Ok(vec![Ok(1)]));

    let answers = runner.run_batch(vec![1, 2]).unwrap();

    assert!(answers.iter().all(Result::is_err));
    let message = answers[0].as_ref().unwrap_err().to_string();
    assert!(message.contains("a batch of 2 with 1 results"), "{message}");
}

#[test]
fn a_panic_in_a_runnable_fails_that_item_with_its_message_and_the_runner_lives_on() {
    let (runner, _) = numbers(permits(1), Batching::default(), |batch, _| {
        assert!(!batch.contains(&13), "thirteen is unlucky");
        double(batch)
    });

    let alone = runner.run(13).unwrap_err().to_string();
    let answers = runner.run_batch(vec![1, 13, 3]).unwrap();

    assert!(alone.contains("thirteen is unlucky"), "{alone}");
    assert_eq!((&answers[0], &answers[2]), (&Ok(2), &Ok(6)));
    assert!(answers[1].is_err());
    assert_eq!(runner.run(4), Ok(8));
}

#[test]
fn a_panic_in_a_lent_thread_fails_the_item_with_its_message() {
    let (runner, _) = numbers(permits(3), Batching::default(), |batch, compute| {
        compute.parallel(64, &|part| {
            thread::sleep(Duration::from_micros(200));
            assert!(batch != [13] || part != 40, "part forty is unlucky");
        });
        double(batch)
    });

    let message = runner.run(13).unwrap_err().to_string();

    assert!(message.contains("part forty is unlucky"), "{message}");
    assert_eq!(runner.run(4), Ok(8));
}

#[test]
fn idle_permits_are_lent_to_a_batch_and_come_back() {
    let permits = permits(3);
    let threads = Arc::new(Mutex::new(std::collections::HashSet::new()));
    let seen = threads.clone();
    let (runner, _) = numbers(permits, Batching::default(), move |batch, compute| {
        assert_eq!(compute.threads(), 3);
        for _ in 0..20 {
            compute.parallel(30, &|_| {
                seen.lock().unwrap().insert(thread::current().id());
                thread::sleep(Duration::from_micros(100));
            });
        }
        double(batch)
    });

    assert_eq!(runner.run(1), Ok(2));

    assert_eq!(threads.lock().unwrap().len(), 3);
    assert_eq!(permits.idle(), 3);
}

#[test]
fn every_part_is_computed_once_whatever_the_threads() {
    let (runner, _) = numbers(permits(4), Batching::default(), |batch, compute| {
        for parts in 0..200 {
            let counts: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
            compute.parallel(parts, &|part| {
                counts[part].fetch_add(1, Ordering::Relaxed);
                // A fork inside a part stays on its thread.
                compute.parallel(2, &|_| {});
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
        double(batch)
    });

    for round in 0..20 {
        assert_eq!(runner.run(round), Ok(round * 2));
    }
}

#[test]
fn nested_runners_on_one_permit_do_not_deadlock() {
    let permits = permits(1);
    let (inner, _) = numbers(permits, Batching::default().max_batch_size(2), |batch, _| {
        thread::sleep(Duration::from_micros(50));
        double(batch)
    });
    let (outer, _) = numbers(permits, Batching::default().max_batch_size(3), move |batch, compute| {
        compute.parallel(1, &|_| {});
        batch.iter().map(|&n| Ok(inner.run(n).map_err(|error| ItemError::new(error.to_string())))).collect()
    });

    thread::scope(|scope| {
        for caller in 0..8 {
            let outer = &outer;
            scope.spawn(move || {
                for n in 0..50 {
                    assert_eq!(outer.run(caller * 1000 + n), Ok((caller * 1000 + n) * 2));
                }
            });
        }
    });

    assert_eq!(permits.idle(), 1);
}

#[test]
fn a_part_on_a_lent_thread_may_call_another_runner() {
    let permits = permits(2);
    let (inner, _) = numbers(permits, Batching::default(), |batch, _| double(batch));
    let (outer, _) = numbers(permits, Batching::default(), move |batch, compute| {
        compute.parallel(16, &|part| {
            assert_eq!(inner.run(part as i64), Ok(part as i64 * 2));
        });
        double(batch)
    });

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|n| assert_eq!(outer.run(n), Ok(n * 2))));
        }
    });

    assert_eq!(permits.idle(), 2);
}

#[test]
fn every_request_is_answered_once_with_its_own_answer() {
    for seed in 0..24_u64 {
        let count = 1 + (seed % 4) as usize;
        let permits = permits(count);
        let batching = Batching::default()
            .max_batch_size(1 + (seed % 7) as usize)
            .max_batch_cost(1 + (seed % 5) as usize * 3)
            .max_queue(4 + (seed % 3) as usize * 50);
        let (runner, _) = numbers(permits, batching, move |batch, compute| {
            compute.parallel(3, &|_| {});
            if batch.iter().any(|n| n % 11 == 0) {
                return Err(ItemError::new("eleven"));
            }
            double(batch)
        });
        let answered = Arc::new(AtomicUsize::new(0));
        let submitted = AtomicUsize::new(0);
        let check = |n: i64, answer: Result<i64, RunnerError>| match answer {
            Ok(result) => assert_eq!(result, n * 2),
            Err(error) => {
                assert!(n % 11 == 0, "{n}: {error}");
            }
        };

        thread::scope(|scope| {
            for caller in 0..6_i64 {
                let (runner, answered, submitted) = (&runner, &answered, &submitted);
                scope.spawn(move || {
                    let mut random = seed * 31 + caller as u64 + 1;
                    for n in 0..60 {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        let n = caller * 1000 + n;
                        match random % 4 {
                            0 => check(n, runner.run(n)),
                            1 => {
                                let inputs: Vec<i64> = (n..n + (random % 9) as i64).collect();
                                let answers = runner.run_batch(inputs.clone()).unwrap();
                                assert_eq!(answers.len(), inputs.len());
                                inputs.into_iter().zip(answers).for_each(|(n, a)| check(n, a));
                            }
                            2 => {
                                let answered = answered.clone();
                                let done = move |answer| {
                                    check(n, answer);
                                    answered.fetch_add(1, Ordering::SeqCst);
                                };
                                if runner.submit(n, done).is_ok() {
                                    submitted.fetch_add(1, Ordering::SeqCst);
                                }
                            }
                            _ => {
                                let mut future = Box::pin(runner.async_run(n));
                                let mut context = Context::from_waker(Waker::noop());
                                // Half of them are dropped after the first poll.
                                while future.as_mut().poll(&mut context).is_pending() {
                                    if random % 8 < 4 {
                                        break;
                                    }
                                    thread::yield_now();
                                }
                            }
                        }
                    }
                });
            }
        });

        until(|| answered.load(Ordering::SeqCst) == submitted.load(Ordering::SeqCst));
        until(|| permits.idle() == count);
        assert_eq!(runner.stats().queue_length, 0, "seed {seed}");
    }
}

#[test]
fn submitted_work_is_answered_even_if_the_last_runner_is_dropped_meanwhile() {
    let (runner, _, gate) = gated(Batching::default());
    let answers = submit_all(&runner, &[1, 2, 3]);

    drop(runner);
    gate.open();

    assert_eq!(answers.iter().map(Result::unwrap).collect::<Vec<_>>(), [2, 4, 6]);
}

#[test]
fn a_callback_that_panics_leaves_the_other_answers_alone() {
    let (runner, _, gate) = gated(Batching::default());
    runner.submit(1, |_| panic!("in the callback")).unwrap();
    let answers = submit_all(&runner, &[2]);

    gate.open();

    assert_eq!(answers.recv().unwrap(), Ok(4));
}

#[test]
fn each_answer_of_a_submission_comes_with_the_index_of_its_input() {
    let (runner, _) = numbers(permits(2), Batching::default().max_batch_size(3), |batch, _| double(batch));
    let (sender, receiver) = mpsc::channel();

    runner.submit_each((0..50).collect(), move |i, a| sender.send((i, a)).unwrap()).unwrap();

    let mut answers: Vec<_> = receiver.iter().collect();
    answers.sort_by_key(|answer| answer.0);
    assert_eq!(answers, (0..50).map(|n| (n as usize, Ok(n * 2))).collect::<Vec<_>>());
}

/// Two signatures, and `__call__` if asked for.
struct Methods {
    with_call: bool,
}

impl Runnable for Methods {
    type Input = i64;
    type Prepared = i64;
    type Output = String;

    fn prepare(&self, input: i64) -> Result<Prepared<i64>, ItemError> {
        Ok(Prepared { value: input, cost: 1 })
    }

    fn run(&self, _: Vec<i64>, _: &Compute) -> Result<Vec<Result<String, ItemError>>, ItemError> {
        Err(ItemError::new("called by name only"))
    }

    fn signatures(&self) -> Vec<Signature> {
        let names = ["encode", "score", Signature::CALL];
        names.into_iter().take(2 + usize::from(self.with_call)).map(Signature::new).collect()
    }

    fn run_method(
        &self, method: &str, batch: Vec<i64>, _: &Compute,
    ) -> Result<Vec<Result<String, ItemError>>, ItemError> {
        Ok(batch.iter().map(|number| Ok(format!("{method} {number}"))).collect())
    }
}

#[test]
fn run_goes_to_call_where_there_are_several_methods() {
    let runner = Runner::new("methods", Methods { with_call: true });
    runner.init_local().unwrap();

    assert_eq!(runner.run(1).unwrap(), "__call__ 1");
    assert_eq!(runner.method("score").unwrap().run(2).unwrap(), "score 2");
}

#[test]
fn run_lists_the_methods_where_it_cannot_choose_one() {
    let runner = Runner::new("methods", Methods { with_call: false });
    runner.init_local().unwrap();

    let error = runner.run(1).unwrap_err();
    let unknown = runner.method("embed").unwrap_err();

    let expected = "runner `methods` has no method `__call__`; it has `encode`, `score`: \
                    call one with `runner.method(name)`";
    assert_eq!(error.to_string(), expected);
    assert!(unknown.to_string().contains("`embed`"));
}

#[test]
fn the_only_method_can_be_called_by_its_name_too() {
    let (runner, _) = numbers(permits(1), Batching::default(), |batch, _| double(batch));

    assert_eq!(runner.method("predict").unwrap().run(4), Ok(8));
}

#[test]
fn a_runner_that_is_not_initialised_says_what_to_call() {
    let runnable = Numbers { body: Box::new(|batch, _| double(batch)), batches: Arc::default() };
    let runner = Runner::new("numbers", runnable);

    let error = runner.run(1).unwrap_err().to_string();

    assert_eq!(error, "runner `numbers` is not initialised; call `init_local()` before the first `run`");
}

#[test]
fn initialising_twice_is_an_error() {
    let (runner, _) = numbers(permits(1), Batching::default(), |batch, _| double(batch));

    let again = runner.clone().init_local();

    assert_eq!(again, Err(RunnerError::AlreadyInitialised { runner: "numbers".into() }));
    assert_eq!(runner.ensure_local(), Ok(false));
}
