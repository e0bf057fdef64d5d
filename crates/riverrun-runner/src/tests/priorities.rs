//! Who goes first.

use super::*;
use crate::Priority;

fn submit(runner: &Runner<Numbers>, priority: Priority, input: i64) {
    runner.with(RequestOptions::new().priority(priority)).unwrap().submit(input, |_| {}).unwrap();
}

#[test]
fn the_higher_priority_goes_first_and_equals_in_their_order() {
    let (runner, batches, gate) = gated(Batching::default().max_batch_size(1));
    for (priority, input) in [
        (Priority::Low, 1),
        (Priority::Normal, 2),
        (Priority::High, 3),
        (Priority::Low, 4),
        (Priority::Normal, 5),
        (Priority::High, 6),
    ] {
        submit(&runner, priority, input);
    }

    gate.open();

    until(|| runner.stats().items == 7);
    assert_eq!(batches.lock().unwrap().concat(), [0, 3, 6, 2, 5, 1, 4]);
}

#[test]
fn who_has_waited_longer_than_the_head_start_is_not_overtaken_any_more() {
    let (runner, batches, gate) = gated(Batching::default().max_batch_size(1));
    submit(&runner, Priority::Low, 1);
    submit(&runner, Priority::Normal, 2);
    thread::sleep(Priority::HEAD_START + Duration::from_millis(20));
    submit(&runner, Priority::High, 3);
    submit(&runner, Priority::Normal, 4);

    gate.open();

    until(|| runner.stats().items == 5);
    // The low one is behind the new high one still, but not behind the new normal one.
    assert_eq!(batches.lock().unwrap().concat(), [0, 2, 3, 1, 4]);
}

#[test]
fn a_batch_takes_in_lower_priorities_once_the_higher_are_in_it() {
    let (runner, batches, gate) = gated(Batching::default());
    submit(&runner, Priority::Low, 1);
    submit(&runner, Priority::High, 2);

    gate.open();

    until(|| runner.stats().items == 3);
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![2, 1]]);
}
