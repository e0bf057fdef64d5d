//! Who is waited for before a batch begins.

use super::*;
use crate::batcher::{Arrivals, Slot, Waited};
use crate::compute::ThreadClaim;

const LONG: Duration = Duration::from_mins(60);

/// A runner that takes batches for long, and so waits long for those who are about to come.
fn patient() -> (Runner<Numbers>, Batches, Arc<Gate>) {
    let (runner, batches, gate) = gated(Batching::default().max_latency(Duration::from_mins(10)));
    runner.core().unwrap().counters.batch_took(LONG);
    (runner, batches, gate)
}

#[test]
fn callers_who_were_answered_together_are_batched_together_when_they_come_back() {
    let (runner, batches, gate) = patient();

    thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(runner.run(1), Ok(2));
            assert_eq!(runner.run(3), Ok(6));
        });
        scope.spawn(|| {
            assert_eq!(runner.run(2), Ok(4));
            // The other one waits for this one now.
            until(|| runner.stats().queue_length == 1);
            assert_eq!(runner.run(4), Ok(8));
        });
        until(|| runner.stats().queue_length == 2);
        gate.open();
    });

    let mut batches = batches.lock().unwrap().clone();
    batches.iter_mut().for_each(|batch| batch.sort_unstable());
    assert_eq!(batches, [vec![0], vec![1, 2], vec![3, 4]]);
}

#[test]
fn a_caller_who_stays_away_is_not_waited_for_for_ever() {
    let (runner, batches, gate) = gated(Batching::default());

    thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(runner.run(1), Ok(2));
            assert_eq!(runner.run(3), Ok(6));
        });
        scope.spawn(|| assert_eq!(runner.run(2), Ok(4)));
        until(|| runner.stats().queue_length == 2);
        gate.open();
    });

    assert_eq!(batches.lock().unwrap().last().unwrap(), &[3]);
}

#[test]
fn a_lone_caller_waits_for_nobody() {
    let (runner, batches, gate) = patient();
    gate.open();
    until(|| runner.stats().items == 1);

    for n in 1..50 {
        assert_eq!(runner.run(n), Ok(n * 2));
    }

    assert!(batches.lock().unwrap().iter().all(|batch| batch.len() == 1));
}

#[tokio::test]
async fn a_lone_task_waits_for_nobody() {
    let (runner, batches, gate) = patient();
    gate.open();
    until(|| runner.stats().items == 1);

    for n in 1..50 {
        assert_eq!(runner.async_run(n).await, Ok(n * 2));
    }

    assert!(batches.lock().unwrap().iter().all(|batch| batch.len() == 1));
}

#[test]
fn callers_who_were_answered_are_expected_until_each_has_come_back() {
    let arrivals = Arrivals::new();
    arrivals.answered(2, LONG);
    assert_eq!(arrivals.expected(LONG), 2);

    arrivals.begin();
    assert_eq!(arrivals.expected(LONG), 2, "one prepares, one is to come");
    arrivals.prepared();
    assert_eq!(arrivals.expected(LONG), 1);

    arrivals.answered(1, LONG);
    assert_eq!(arrivals.expected(LONG), 2);
}

#[test]
fn callers_who_stay_away_are_given_up() {
    let arrivals = Arrivals::new();

    arrivals.answered(3, LONG);
    assert_eq!(arrivals.expected(Duration::ZERO), 0);

    arrivals.answered(1, Duration::ZERO);
    assert_eq!(arrivals.expected(LONG), 1, "the three are forgotten");
}

#[test]
fn a_caller_whom_nobody_expected_is_expected_while_it_prepares() {
    let arrivals = Arrivals::new();

    arrivals.begin();
    assert_eq!(arrivals.expected(Duration::ZERO), 1);

    arrivals.prepared();
    assert_eq!(arrivals.expected(LONG), 0);
}

#[test]
fn a_permit_is_for_callers_who_have_neither_an_answer_nor_somebody_who_computes_it() {
    let permits = permits(1);
    let granted = |slot: &Slot<()>| slot.grant(permits.try_acquire().unwrap()).is_none();

    let waiting = Slot::new();
    assert!(granted(&waiting));
    assert!(matches!(waiting.wait(None), Waited::Permit(_)));

    let taken = Slot::new();
    taken.take();
    assert!(!granted(&taken));

    let answered = Slot::new();
    answered.answer(Ok(()));
    assert!(!granted(&answered));

    let left = Slot::new();
    left.leave();
    assert!(!granted(&left));
    assert_eq!(permits.idle(), 1);
}

#[test]
fn callers_are_shared_evenly_among_the_permits_though_one_found_them_all_waiting() {
    let gates = [Arc::new(Gate::default()), Arc::new(Gate::default()), Arc::new(Gate::default())];
    let at = gates.clone();
    let (runner, batches) = numbers(permits(2), Batching::default(), move |batch, _| {
        // Those that are held up: two that leave no permit idle, and the batch that is taken first.
        let gate = match batch[0] {
            -2 => &at[0],
            -1 => &at[1],
            _ => &at[2],
        };
        gate.pass();
        double(batch)
    });
    let cuts: Arc<Mutex<Vec<crate::BatchCut>>> = Arc::default();
    let told = cuts.clone();
    let _observer = runner.observe(move |report| told.lock().unwrap().push(report.cut)).unwrap();
    let first = submit_all(&runner, &[-2]);
    gates[0].until_reached();
    let second = submit_all(&runner, &[-1]);
    gates[1].until_reached();
    let answers = submit_all(&runner, &[1, 2, 3, 4, 5, 6, 7]);

    gates[0].open();
    gates[2].until_reached();
    gates[1].open();
    gates[2].open();

    assert_eq!(answers.iter().take(7).count(), 7);
    assert_eq!(first.recv().unwrap(), Ok(-4));
    assert_eq!(second.recv().unwrap(), Ok(-2));
    // Seven wait and one is computed beside them: four for each.
    assert_eq!(batches.lock().unwrap()[2], [1, 2, 3, 4]);
    assert!(cuts.lock().unwrap().contains(&crate::BatchCut::Share));
}
