//! A runner that is warmed up, and one that changes to another version while it is called.

use std::sync::Weak;

use super::*;

/// Answers with its version; warms up if it can.
struct Version {
    version: i64,
    warm: Result<(), ItemError>,
    gate: Option<Arc<Gate>>,
    _alive: Arc<()>,
}

impl Runnable for Version {
    type Input = i64;
    type Prepared = i64;
    type Output = (i64, i64);

    fn prepare(&self, value: i64) -> Result<Prepared<i64>, ItemError> {
        Ok(Prepared { value, cost: 1 })
    }

    fn run(&self, batch: Vec<i64>, _: &Compute) -> Result<Vec<Result<(i64, i64), ItemError>>, ItemError> {
        if let Some(gate) = &self.gate {
            gate.pass();
        }
        Ok(batch.into_iter().map(|n| Ok((n, self.version))).collect())
    }

    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        assert!(compute.threads() > 0);
        self.warm.clone()
    }
}

fn version(permits: &'static Permits, version: i64, gate: Option<Arc<Gate>>) -> (Runner<Version>, Weak<()>) {
    let alive = Arc::new(());
    let gone = Arc::downgrade(&alive);
    let runner = Runner::new("versions", Version { version, warm: Ok(()), gate, _alive: alive }).on_permits(permits);
    runner.init_local().unwrap();
    (runner, gone)
}

#[test]
fn a_warm_up_that_fails_says_so_and_gives_its_permit_back() {
    let permits = permits(2);
    let (good, _) = version(permits, 1, None);
    let warm = Err(ItemError::new("no such instruction"));
    let bad = Runner::new("bad", Version { version: 2, warm, gate: None, _alive: Arc::default() }).on_permits(permits);

    assert!(matches!(bad.warm_up(), Err(RunnerError::NotInitialised { .. })));
    bad.init_local().unwrap();

    assert_eq!(good.warm_up(), Ok(()));
    assert_eq!(bad.warm_up().unwrap_err().to_string(), "runner `bad`: no such instruction");
    assert_eq!(permits.idle(), 2);
}

#[tokio::test]
async fn a_warm_up_in_a_task_is_refused() {
    let (runner, _) = version(permits(1), 1, None);

    assert!(matches!(runner.warm_up(), Err(RunnerError::BlockingInAsync { call: "warm_up", .. })));
}

#[test]
fn what_was_replaced_answers_what_it_had_accepted_and_is_then_released() {
    let permits = permits(2);
    let gate = Arc::new(Gate::default());
    let (runner, old) = version(permits, 1, Some(gate.clone()));
    let (sender, receiver) = mpsc::channel();
    runner.submit(7, move |answer| sender.send(answer).unwrap()).unwrap();
    gate.until_reached();

    let (new, _) = version(permits, 2, None);
    runner.replace_with(&new).unwrap();
    drop(new);

    assert_eq!(runner.run(8), Ok((8, 2)));
    assert!(old.upgrade().is_some(), "it has a request to answer");
    gate.open();
    assert_eq!(receiver.recv().unwrap(), Ok((7, 1)));
    until(|| old.upgrade().is_none());
}

#[test]
fn no_request_is_lost_while_a_runner_is_replaced_again_and_again() {
    let permits = permits(2);
    let (runner, first) = version(permits, 0, None);
    let mut replaced = vec![first];
    let answered = Arc::new(AtomicUsize::new(0));

    thread::scope(|scope| {
        for caller in 0..4_i64 {
            let (runner, answered) = (runner.clone(), answered.clone());
            scope.spawn(move || {
                for n in (caller * 1000)..(caller * 1000 + 400) {
                    if n % 3 == 0 {
                        let answered = answered.clone();
                        let count = move |answer: Result<(i64, i64), RunnerError>| {
                            assert_eq!(answer.unwrap().0, n);
                            answered.fetch_add(1, Ordering::SeqCst);
                        };
                        runner.submit(n, count).unwrap();
                    } else {
                        let (input, version) = runner.run(n).unwrap();
                        assert!(input == n && (0..=20).contains(&version));
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for number in 1..=20 {
            let (next, alive) = version(permits, number, None);
            runner.replace_with(&next).unwrap();
            replaced.push(alive);
            thread::sleep(Duration::from_micros(300));
        }
    });

    until(|| answered.load(Ordering::SeqCst) == 1600);
    until(|| replaced[..20].iter().all(|alive| alive.upgrade().is_none()));
    assert_eq!(runner.run(1), Ok((1, 20)));
    until(|| permits.idle() == 2);
}

#[test]
fn an_observer_stays_and_hears_of_each_batch_once_whatever_is_replaced_by_what() {
    let permits = permits(1);
    let (runner, _) = version(permits, 1, None);
    let told = Arc::new(AtomicUsize::new(0));
    let count = told.clone();
    let _observer = runner
        .observe(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap();
    let (before, _) = version(permits, 1, None);
    before.replace_with(&runner).unwrap();
    let (after, _) = version(permits, 2, None);

    runner.replace_with(&after).unwrap();
    runner.run(1).unwrap();
    runner.replace_with(&before).unwrap();
    runner.run(2).unwrap();

    assert_eq!(told.load(Ordering::SeqCst), 2);
}

#[test]
fn a_runner_that_is_not_initialised_is_neither_replaced_nor_a_replacement() {
    let (runner, _) = version(permits(1), 1, None);
    let version = Version { version: 2, warm: Ok(()), gate: None, _alive: Arc::default() };
    let idle = Runner::new("idle", version);

    assert!(matches!(runner.replace_with(&idle), Err(RunnerError::NotInitialised { .. })));
    assert!(matches!(idle.replace_with(&runner), Err(RunnerError::NotInitialised { .. })));
    assert_eq!(runner.run(1), Ok((1, 1)));
}
