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

/// Asks the texts in their order, over and over. What is sent during the warm-up is not measured.
pub fn run(target: &Target, clients: usize, warm_up: Duration, extent: &Extent) -> Value {
    let (warming, measured) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ready = Instant::now() + warm_up;
    let (until, limit) = match *extent {
        Extent::Time(time) => (Some(ready + time), usize::MAX),
        Extent::Requests(requests) => (None, requests),
    };
    let client = || {
        let mut client = Client::new(target);
        let (mut seen, mut unmeasured) = (Seen::default(), Seen::default());
        let mut last = ready;
        loop {
            let now = Instant::now();
            let (counter, seen) = if now < ready { (&warming, &mut unmeasured) } else { (&measured, &mut seen) };
            let number = counter.fetch_add(1, Ordering::Relaxed);
            if until.is_some_and(|until| now >= until) || now >= ready && number >= limit {
                break;
            }
            client.ask(number % target.questions.len(), seen);
            last = Instant::now();
        }
        (seen, last)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let mut seen = Seen::default();
    let mut end = ready;
    for (one, last) in results {
        seen.merge(one);
        end = end.max(last);
    }
    let seconds = end.duration_since(ready).as_secs_f64();
    let mut report = seen.report();
    report.insert("clients".to_owned(), json!(clients));
    report.insert("seconds".to_owned(), json!(seconds));
    report.insert("per_second".to_owned(), json!(seen.answered(200) as f64 / seconds));
    Value::Object(report)
}
