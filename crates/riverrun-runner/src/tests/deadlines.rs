//! What nobody waits for any more is not computed.

use super::*;

const SOON: Duration = Duration::from_millis(5);

fn timed_out() -> RunnerError {
    RunnerError::TimedOut { runner: "numbers".into(), timeout: SOON }
}

#[test]
fn a_submitted_request_whose_time_is_up_is_told_so_and_not_computed() {
    let (runner, batches, gate) = gated(Batching::default());
    let (sender, receiver) = mpsc::channel();
    let hasty = runner.with(RequestOptions::new().timeout(SOON)).unwrap();
    hasty.submit(1, move |answer| sender.send(answer).unwrap()).unwrap();
    let patient = submit_all(&runner, &[2]);
    thread::sleep(2 * SOON);

    gate.open();

    assert_eq!(receiver.recv().unwrap(), Err(timed_out()));
    assert_eq!(patient.recv().unwrap(), Ok(4));
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![2]]);
    assert_eq!(runner.stats().abandoned, 1);
}

#[test]
fn a_runner_s_own_timeout_holds_for_requests_that_have_none() {
    let (runner, batches, gate) = gated(Batching::default().timeout(SOON));
    let answers = submit_all(&runner, &[1]);
    let patient = runner.with(RequestOptions::new().timeout(Duration::from_mins(10))).unwrap();
    let (sender, receiver) = mpsc::channel();
    patient.submit(2, move |answer| sender.send(answer).unwrap()).unwrap();
    thread::sleep(2 * SOON);

    gate.open();

    assert_eq!(answers.recv().unwrap(), Err(timed_out()));
    assert_eq!(receiver.recv().unwrap(), Ok(4));
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![2]]);
}

#[test]
fn a_blocked_batch_whose_time_is_up_is_not_computed() {
    let (runner, batches, gate) = gated(Batching::default());

    let answer = runner.with(RequestOptions::new().timeout(SOON)).unwrap().run_batch(vec![1, 2, 3]);
    gate.open();

    assert_eq!(answer, Err(timed_out()));
    assert_eq!(runner.run(4), Ok(8));
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![4]]);
}

#[tokio::test]
async fn a_future_whose_time_is_up_is_told_so_when_its_turn_comes() {
    let (runner, batches, gate) = gated(Batching::default());
    let answer = tokio::spawn(runner.with(RequestOptions::new().timeout(SOON)).unwrap().async_run(1));
    tokio::time::sleep(2 * SOON).await;

    gate.open();

    assert_eq!(answer.await.unwrap(), Err(timed_out()));
    assert_eq!(*batches.lock().unwrap(), [vec![0]]);
}

#[test]
fn a_batch_whose_future_is_dropped_is_not_computed() {
    let (runner, batches, gate) = gated(Batching::default());
    let method = runner.method("predict").unwrap();
    let mut abandoned = Box::pin(method.try_async_run_batch(vec![1, 2, 3]));
    assert!(abandoned.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let answers = submit_all(&runner, &[4]);

    drop(abandoned);
    gate.open();

    assert_eq!(answers.recv().unwrap(), Ok(8));
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![4]]);
    assert_eq!(runner.stats().abandoned, 3);
}

#[test]
fn a_future_that_was_never_polled_asks_for_nothing() {
    let (runner, batches, gate) = gated(Batching::default());

    drop(runner.async_run(1));
    gate.open();

    assert_eq!(runner.run(2), Ok(4));
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![2]]);
}
