//! A runner whose batches are taken out of its queue and computed elsewhere.

use super::*;
use crate::{Priority, RemoteBatch, RemoteQueue};

fn remote(batching: Batching) -> (Runner<Numbers>, RemoteQueue<Numbers>) {
    let load = || Err(RunnerError::Load { runner: "numbers".into(), reason: "it is elsewhere".into() });
    let runner = Runner::lazy("numbers", "remote-numbers", load).batching(batching);
    let mut queue = None;
    let keep = |served| {
        queue = Some(served);
        Ok::<(), RunnerError>(())
    };
    runner.init_remote(Vec::new(), keep).unwrap();
    (runner, queue.unwrap())
}

fn doubled(batch: RemoteBatch<Numbers>) {
    let results = batch.inputs().iter().map(|n| Ok(n * 2)).collect();
    batch.answer(results);
}

fn closed() -> Result<i64, RunnerError> {
    Err(RunnerError::Closed { runner: "numbers".into() })
}

#[tokio::test]
async fn batches_within_the_limits_are_answered_in_the_order_of_their_items() {
    let (runner, mut queue) = remote(Batching::default().max_batch_size(2));
    let answers = submit_all(&runner, &[1, 2, 3]);

    let first = queue.next().await.unwrap();
    assert_eq!((first.inputs(), first.len(), first.method()), (&[1, 2][..], 2, "predict"));
    doubled(first);
    doubled(queue.next().await.unwrap());

    assert_eq!(answers.iter().take(3).map(Result::unwrap).collect::<Vec<_>>(), [2, 4, 6]);
    assert_eq!(runner.stats().items, 3);
}

#[test]
fn blocking_callers_wait_for_whoever_takes_their_batches() {
    let (runner, mut queue) = remote(Batching::default().max_queue(3).max_batch_size(2));
    let server = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            while let Some(batch) = queue.next().await {
                doubled(batch);
            }
        });
    });

    assert_eq!(runner.run(4), Ok(8));
    // Larger than the queue: it is let in bit by bit.
    assert_eq!(
        runner.run_batch((0..50).collect::<Vec<i64>>()).unwrap(),
        (0..50).map(|n| Ok(n * 2)).collect::<Vec<_>>()
    );

    drop(runner);
    server.join().unwrap();
}

#[tokio::test]
async fn halves_are_answered_each_by_itself() {
    let (runner, mut queue) = remote(Batching::default());
    let answers = submit_all(&runner, &[1, 2, 3]);

    let (first, second) = queue.next().await.unwrap().split();
    assert_eq!((first.inputs(), second.inputs()), (&[1, 2][..], &[3][..]));
    doubled(second);
    let (first, rest) = first.split();
    let (first, none) = first.split();
    assert!(none.is_empty());
    doubled(rest);
    let error = RunnerError::Closed { runner: "elsewhere".into() };
    first.fail(&error);

    assert_eq!(answers.iter().take(3).collect::<Vec<_>>(), [Ok(6), Ok(4), Err(error)]);
}

#[tokio::test]
async fn a_wrong_number_of_results_is_nobody_s_answer() {
    let (runner, mut queue) = remote(Batching::default());
    for results in [vec![Ok(1)], vec![Ok(1), Ok(2), Ok(3)]] {
        let count = results.len();
        let answers = submit_all(&runner, &[1, 2]);

        queue.next().await.unwrap().answer(results);

        for answer in answers.iter().take(2) {
            let message = answer.unwrap_err().to_string();
            assert!(message.contains(&format!("{count} results came for a batch of 2")), "{message}");
        }
    }
}

#[tokio::test]
async fn a_batch_that_is_dropped_answers_its_items_with_an_error() {
    let (runner, mut queue) = remote(Batching::default());
    let answers = submit_all(&runner, &[1, 2]);

    drop(queue.next().await.unwrap());

    assert_eq!(answers.iter().take(2).collect::<Vec<_>>(), [closed(), closed()]);
}

#[tokio::test]
async fn a_batch_is_abandoned_when_the_last_of_its_callers_is_gone() {
    let (runner, mut queue) = remote(Batching::default());
    let calls = [tokio::spawn(runner.async_run(1)), tokio::spawn(runner.async_run(2))];
    tokio::task::yield_now().await;
    let batch = queue.next().await.unwrap();
    assert_eq!(batch.len(), 2);

    for (gone, call) in (1..).zip(calls) {
        assert!(!batch.is_abandoned());
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        assert_eq!(batch.is_abandoned(), gone == 2);
    }
}

#[tokio::test]
async fn a_batch_has_the_latest_deadline_and_the_highest_priority_of_its_items() {
    let (runner, mut queue) = remote(Batching::default());
    let submit = |options: RequestOptions| runner.with(options).unwrap().submit(1, |_| {}).unwrap();
    let minutes = |n: u64| Duration::from_mins(n);

    let before = std::time::Instant::now();
    submit(RequestOptions::new().timeout(minutes(1)).priority(Priority::Low));
    submit(RequestOptions::new().timeout(minutes(5)));
    let batch = queue.next().await.unwrap();
    assert_eq!(batch.priority(), Priority::Normal);
    assert!(batch.deadline().unwrap() >= before + minutes(5));

    submit(RequestOptions::new().timeout(minutes(1)));
    submit(RequestOptions::new().priority(Priority::High));
    let batch = queue.next().await.unwrap();
    assert_eq!((batch.deadline(), batch.priority()), (None, Priority::High));
}

#[tokio::test]
async fn a_request_whose_time_is_up_is_not_handed_out() {
    let (runner, mut queue) = remote(Batching::default());
    let timeout = Duration::from_millis(2);
    let (sender, receiver) = mpsc::channel();
    let hasty = runner.with(RequestOptions::new().timeout(timeout)).unwrap();
    hasty.submit(1, move |answer| sender.send(answer).unwrap()).unwrap();
    tokio::time::sleep(2 * timeout).await;
    let _patient = submit_all(&runner, &[2]);

    assert_eq!(queue.next().await.unwrap().inputs(), [2]);
    assert_eq!(receiver.recv().unwrap(), Err(RunnerError::TimedOut { runner: "numbers".into(), timeout }));
}

#[test]
fn a_caller_who_waits_for_room_gives_up_when_its_time_is_up() {
    let (runner, queue) = remote(Batching::default().max_queue(1));
    let _waiting = submit_all(&runner, &[1]);
    let timeout = Duration::from_millis(5);
    let hasty = runner.with(RequestOptions::new().timeout(timeout)).unwrap();

    let timed_out = RunnerError::TimedOut { runner: "numbers".into(), timeout };
    assert_eq!(hasty.run(2), Err(timed_out.clone()));
    assert_eq!(hasty.run_batch(vec![3, 4]), Err(timed_out));
    drop(queue);
}

#[tokio::test]
async fn there_is_no_batch_after_the_last_clone_but_what_it_had_accepted() {
    let (runner, mut queue) = remote(Batching::default().max_batch_size(1));
    let answers = submit_all(&runner, &[1, 2]);
    drop(runner.clone());

    drop(runner);
    while let Some(batch) = queue.next().await {
        doubled(batch);
    }

    assert_eq!(answers.iter().collect::<Vec<_>>(), [Ok(2), Ok(4)]);
}

#[tokio::test]
async fn all_who_wait_or_come_later_are_told_when_nobody_takes_batches_any_more() {
    let (runner, mut queue) = remote(Batching::default().max_batch_size(1).max_queue(2000));
    let waiting = submit_all(&runner, &(0..1000).collect::<Vec<_>>());
    let taken = queue.next().await.unwrap();

    drop(queue);

    assert_eq!(waiting.iter().take(999).filter(|answer| *answer == closed()).count(), 999);
    doubled(taken);
    assert_eq!(waiting.recv().unwrap(), Ok(0));
    assert_eq!(runner.async_run(1).await, closed());
    assert_eq!(runner.stats().queue_length, 0);
}

#[test]
fn what_could_not_be_served_can_be_bound_again() {
    let runner: Runner<Numbers> = Runner::lazy("numbers", "bound-again", || unreachable!());

    let refused = runner.init_remote(vec!["score".into()], |_| Err(closed().unwrap_err()));
    let bound = runner.init_remote(vec!["score".into()], |queue| {
        std::mem::forget(queue);
        Ok::<(), RunnerError>(())
    });

    assert_eq!(refused, Err(closed().unwrap_err()));
    assert_eq!(bound, Ok(()));
    assert!(runner.method("score").is_ok());
    let again = runner.init_remote(Vec::new(), |_| Ok::<(), RunnerError>(()));
    assert!(matches!(again, Err(RunnerError::AlreadyInitialised { .. })));
}
