//! A batch that fails as a whole is run in halves until the culprits stand alone.

use super::*;

/// The answers to 1 to 64 where a batch with one of `culprits` fails, and how many calls it took.
fn with_culprits(culprits: &'static [i64]) -> (Vec<Result<i64, RunnerError>>, usize) {
    let (runner, batches) = numbers(permits(1), Batching::default().max_batch_size(64), |batch, _| {
        if batch.iter().any(|n| culprits.contains(n)) { Err(ItemError::new("a culprit")) } else { double(batch) }
    });
    let (sender, receiver) = mpsc::channel();
    runner.submit_batch((1..=64).collect(), move |answers| sender.send(answers).unwrap()).unwrap();
    let answers = receiver.recv().unwrap();
    let calls = batches.lock().unwrap().len();
    (answers, calls)
}

fn assert_only(culprits: &[i64], answers: &[Result<i64, RunnerError>]) {
    for (n, answer) in (1..).zip(answers) {
        if culprits.contains(&n) {
            assert_eq!(
                *answer,
                Err(RunnerError::Item { runner: "numbers".into(), error: ItemError::new("a culprit") })
            );
        } else {
            assert_eq!(*answer, Ok(n * 2));
        }
    }
}

#[test]
fn one_culprit_among_sixty_four_is_found_in_thirteen_calls() {
    for culprit in [&[1], &[33], &[64]] {
        let (answers, calls) = with_culprits(culprit);

        assert_only(culprit, &answers);
        // The whole, then two halves on each of six levels.
        assert_eq!(calls, 13);
    }
}

#[test]
fn two_culprits_far_apart_are_both_found_and_the_others_are_answered() {
    let (answers, calls) = with_culprits(&[3, 60]);

    assert_only(&[3, 60], &answers);
    assert_eq!(calls, 23);
}

#[test]
fn errors_of_single_items_have_nothing_run_again() {
    let (runner, batches, gate) = gated_with(|batch| {
        Ok(batch.iter().map(|&n| if n == 2 { Err(ItemError::new("two")) } else { Ok(n * 2) }).collect())
    });
    let answers = submit_all(&runner, &[1, 2, 3]);

    gate.open();

    assert_eq!(answers.iter().take(3).filter(Result::is_ok).count(), 2);
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![1, 2, 3]]);
    assert_eq!(runner.stats().failed_items, 1);
}

fn gated_with(body: fn(&[i64]) -> Outcomes) -> (Runner<Numbers>, Batches, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let (runner, batches) = numbers(permits(1), Batching::default(), move |batch, _| {
        if batch == [0] {
            at.pass();
        }
        body(batch)
    });
    runner.submit(0, |_| {}).unwrap();
    gate.until_reached();
    (runner, batches, gate)
}
