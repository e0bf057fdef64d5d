//! The mailbox of a task and the inbox of an async operator under a model checker: many schedules of their threads, each a
//! run of the code itself, compiled against the checker's locks and atomics.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use std::cell::Cell;
use std::collections::VecDeque;

use riverrun_stream::element::StreamElement;
use shuttle::thread;

/// What the code under test asks `crate::sync` for.
mod sync {
    #![allow(unused_imports, reason = "the crates under test use different parts of it")]
    pub(crate) use shuttle::sync::atomic::{AtomicBool, Ordering};
    pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
}

#[allow(dead_code, reason = "the drivers use the rest")]
#[path = "../src/channel.rs"]
mod channel;
#[allow(dead_code, reason = "the drivers use the rest")]
#[path = "../src/waker.rs"]
mod waker;

#[allow(dead_code, unreachable_pub, missing_docs, reason = "part of another crate")]
#[path = "../../riverrun-stream/src/operator/completion.rs"]
mod completion;
#[allow(dead_code, unreachable_pub, missing_docs, reason = "part of another crate")]
#[path = "../../riverrun-stream/src/operator/inbox.rs"]
mod inbox;

/// Where the modules of that crate find each other.
mod operator {
    pub(crate) use crate::completion::CompletionSender;
}

use channel::Channel;
use completion::CompletionQueue;
use inbox::Inbox;
use sync::{Arc, AtomicBool, Condvar, Mutex, Ordering};
use waker::Waker;

const SCHEDULES: usize = 2_000;

/// Runs the model under schedules drawn at random, and under ones with few but unlucky switches between threads.
fn check(model: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(model.clone(), SCHEDULES);
    shuttle::check_pct(model, SCHEDULES, 3);
}

/// The mailbox of one task, as a host makes it.
fn mailbox() -> (Arc<Waker>, CompletionQueue) {
    let waker = Arc::new(Waker::default());
    let wake = waker.clone();
    (waker, CompletionQueue::new(move || wake.wake()))
}

/// Takes messages as a task does, until there were this many: when it is told of mail, all there is; when there is nothing to
/// do, it sleeps. A message that nobody tells it of leaves it asleep for ever, which the checker reports.
fn take(count: usize, inbox: &Inbox<u32>, completions: &CompletionQueue, waker: &Waker) -> Vec<u32> {
    let (mut taken, mut burst) = (Vec::new(), Vec::new());
    while taken.len() < count {
        match completions.pop() {
            Some(_) => {
                inbox.take(&mut burst);
                taken.append(&mut burst);
            }
            None => waker.wait(None),
        }
    }
    taken
}

#[test]
fn every_result_arrives_once_and_wakes_the_task_that_sleeps() {
    check(|| {
        let (waker, completions) = mailbox();
        let inbox = Inbox::new(completions.sender());
        let senders: Vec<_> = (0..3)
            .map(|sender| {
                let inbox = inbox.sender();
                thread::spawn(move || (0..2).for_each(|n| inbox.send(10 * sender + n)))
            })
            .collect();

        let mut taken = take(6, &inbox, &completions, &waker);
        senders.into_iter().for_each(|sender| sender.join().unwrap());

        assert!([0, 10, 20].iter().all(|n| place(&taken, *n) < place(&taken, n + 1)), "{taken:?}");
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 10, 11, 20, 21]);
    });
}

fn place(taken: &[u32], message: u32) -> Option<usize> {
    taken.iter().position(|taken| *taken == message)
}

#[test]
fn a_reminder_makes_good_for_news_that_was_dropped() {
    check(|| {
        let (waker, completions) = mailbox();
        let inbox = Inbox::new(completions.sender());
        let to = inbox.sender();
        let sender = thread::spawn(move || (0..3).for_each(|n| to.send(n)));
        // As a host does while a stop is under way.
        for _ in 0..2 {
            drop(completions.pop());
        }

        inbox.remind();

        assert_eq!(take(3, &inbox, &completions, &waker), [0, 1, 2]);
        sender.join().unwrap();
    });
}

/// Says when it is dropped.
struct Watched(Arc<Mutex<usize>>);

impl Drop for Watched {
    fn drop(&mut self) {
        *self.0.lock().unwrap() -= 1;
    }
}

#[test]
fn what_arrives_while_and_after_an_inbox_is_closed_is_dropped() {
    check(|| {
        let (_waker, completions) = mailbox();
        let inbox = Inbox::new(completions.sender());
        let alive = Arc::new(Mutex::new(3));
        let (to, counted) = (inbox.sender(), alive.clone());
        let sender = thread::spawn(move || (0..3).for_each(|_| to.send(Watched(counted.clone()))));

        inbox.close();
        sender.join().unwrap();

        assert_eq!(*alive.lock().unwrap(), 0, "the inbox is still there, and empty");
        drop(inbox);
    });
}

#[test]
fn elements_arrive_in_order_through_a_channel_that_holds_one() {
    check(|| {
        let (producer, consumer) = (Arc::new(Waker::default()), Arc::new(Waker::default()));
        let channel = Arc::new(Channel::new(1, producer.clone(), consumer.clone()));
        let from = channel.clone();
        let sender = thread::spawn(move || {
            let mut elements: VecDeque<StreamElement> = (0..4).map(StreamElement::Watermark).collect();
            while !elements.is_empty() {
                if !from.push_from(&mut elements) {
                    producer.wait(None);
                }
            }
        });

        let mut arrived = Vec::new();
        while arrived.len() < 4 {
            match channel.pop() {
                Some(StreamElement::Watermark(watermark)) => arrived.push(watermark),
                Some(_) => unreachable!("only watermarks were sent"),
                None => consumer.wait(None),
            }
        }
        sender.join().unwrap();

        assert_eq!(arrived, [0, 1, 2, 3]);
    });
}

#[test]
fn a_task_hears_of_its_input_and_of_its_results_through_one_waker() {
    check(|| {
        let (waker, completions) = mailbox();
        let inbox = Inbox::new(completions.sender());
        let channel = Arc::new(Channel::new(2, Arc::default(), waker.clone()));
        let (from, to) = (channel.clone(), inbox.sender());
        let sender = thread::spawn(move || {
            from.push_from(&mut VecDeque::from([StreamElement::Watermark(1), StreamElement::EndOfInput]));
        });
        let service = thread::spawn(move || (0..2).for_each(|n| to.send(n)));

        let (elements, results) = (Cell::new(0), Cell::new(0));
        let mut burst = Vec::new();
        while elements.get() < 2 || results.get() < 2 {
            if completions.pop().is_some() {
                inbox.take(&mut burst);
                results.set(results.get() + burst.drain(..).count());
            } else if channel.pop().is_some() {
                elements.set(elements.get() + 1);
            } else {
                waker.wait(None);
            }
        }

        sender.join().unwrap();
        service.join().unwrap();
    });
}

/// A waker that does not take the sleeper's lock: its news may come between the sleeper's look and its sleep.
#[derive(Default)]
struct Careless {
    notified: AtomicBool,
    lock: Mutex<()>,
    condition: Condvar,
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_checker_finds_news_that_get_lost() {
    check(|| {
        let waker = Arc::new(Careless::default());
        let from = waker.clone();
        let sender = thread::spawn(move || {
            from.notified.store(true, Ordering::SeqCst);
            from.condition.notify_one();
        });
        let mut guard = waker.lock.lock().unwrap();
        while !waker.notified.swap(false, Ordering::SeqCst) {
            guard = waker.condition.wait(guard).unwrap();
        }
        drop(guard);
        sender.join().unwrap();
    });
}
