//! What is in a batch, who waits, and who is answered.

use super::*;

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

    let answer = runner.with(RequestOptions::new().timeout(Duration::from_millis(20))).unwrap().run(1);
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
fn submitted_work_is_answered_even_if_the_last_runner_is_dropped_meanwhile() {
    let (runner, _, gate) = gated(Batching::default());
    let answers = submit_all(&runner, &[1, 2, 3]);

    drop(runner);
    gate.open();

    assert_eq!(answers.iter().map(Result::unwrap).collect::<Vec<_>>(), [2, 4, 6]);
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

#[test]
fn an_observer_hears_of_every_batch_until_it_is_dropped() {
    let (runner, _, gate) = gated(Batching::default());
    let reports: Arc<Mutex<Vec<crate::BatchReport>>> = Arc::default();
    let told = reports.clone();
    let observer = runner.observe(move |report| told.lock().unwrap().push(report)).unwrap();
    let answers = submit_all(&runner, &[1, 2, 3]);
    gate.open();
    (0..3).for_each(|_| assert!(answers.recv().unwrap().is_ok()));

    drop(observer);
    runner.run(5).unwrap();

    let reports: Vec<(usize, usize, usize)> =
        reports.lock().unwrap().iter().map(|report| (report.items, report.cost, report.failed)).collect();
    assert_eq!(reports, [(1, 1, 0), (3, 3, 0)]);
}
