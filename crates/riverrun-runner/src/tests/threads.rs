//! Permits lent, given back and waited for.

use super::*;

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
