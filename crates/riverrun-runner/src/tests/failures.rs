//! One bad item, one bad batch, one panic.

use super::*;

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
fn a_callback_that_panics_leaves_the_other_answers_alone() {
    let (runner, _, gate) = gated(Batching::default());
    runner.submit(1, |_| panic!("in the callback")).unwrap();
    let answers = submit_all(&runner, &[2]);

    gate.open();

    assert_eq!(answers.recv().unwrap(), Ok(4));
}
