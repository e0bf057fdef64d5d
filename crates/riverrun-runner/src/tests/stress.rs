//! Every way to call, at once, over seeds.

use super::*;

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
