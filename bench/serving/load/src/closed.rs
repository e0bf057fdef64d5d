//! Closed loop: every client asks its next question when it has the answer to the one before.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::measured::Seen;
use crate::target::{Client, Target};

pub enum Extent {
    /// For so long.
    Time(Duration),
    /// So many in all.
    Requests(usize),
}

/// Asks the texts in their order, over and over.
///
/// For a time: what is answered after the warm-up is measured, whenever it was asked, so that a client that a server lets
/// starve is seen; the throughput is that of the time. For so many requests: those that are asked after the warm-up.
pub fn run(target: &Target, clients: usize, warm_up: Duration, extent: &Extent) -> Value {
    let (warming, measured) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ready = Instant::now() + warm_up;
    let (until, limit) = match *extent {
        Extent::Time(time) => (Some(ready + time), usize::MAX),
        Extent::Requests(requests) => (None, requests),
    };
    // Not all at one moment: a server of several processes would have one of them accept every connection.
    let apart = warm_up / 2 / clients.max(1) as u32;
    let client = |number: u32| {
        thread::sleep(apart * number);
        let mut client = Client::new(target);
        let mut seen = Seen::default();
        let (mut good, mut last) = (0, ready);
        loop {
            let sent = Instant::now();
            let number = if sent < ready { &warming } else { &measured }.fetch_add(1, Ordering::Relaxed);
            if until.is_some_and(|until| sent >= until) || sent >= ready && number >= limit {
                return (seen, good, last);
            }
            let mut one = Seen::default();
            let status = client.ask(number % target.questions.len(), &mut one);
            let done = Instant::now();
            if (if until.is_some() { done } else { sent }) >= ready {
                seen.merge(one);
                last = done;
                good += usize::from(status == Some(200) && until.is_none_or(|until| done <= until));
            }
        }
    };
    let mut seen = Seen::default();
    let (mut good, mut end) = (0, ready);
    thread::scope(|scope| {
        let client = &client;
        let threads: Vec<_> = (0..clients as u32).map(|number| scope.spawn(move || client(number))).collect();
        for (one, count, last) in threads.into_iter().filter_map(|thread| thread.join().ok()) {
            seen.merge(one);
            good += count;
            end = end.max(last);
        }
    });
    let seconds = until.unwrap_or(end).duration_since(ready).as_secs_f64();
    let mut report = seen.report();
    report.insert("clients".to_owned(), json!(clients));
    report.insert("seconds".to_owned(), json!(seconds));
    report.insert("per_second".to_owned(), json!(good as f64 / seconds));
    Value::Object(report)
}
