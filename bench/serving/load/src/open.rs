//! Open loop: questions come at a rate, whatever becomes of those before. Beyond what the server can do, this is overload.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::measured::{Seen, milliseconds, quantiles};
use crate::target::{Client, Target};

/// A thread has little on its stack, and there are thousands.
const STACK: usize = 128 * 1024;
/// How many questions are asked one by one beforehand, to know the latency of an idle server.
const ALONE: usize = 20;
/// For how long recovery is watched.
const WATCHED: Duration = Duration::from_secs(5);

pub struct Load {
    /// Per second.
    pub rate: f64,
    pub time: Duration,
    /// At most so many questions are under way; more come late, and are counted.
    pub connections: usize,
    /// Paths that are asked for ten times a second meanwhile, such as those of health.
    pub probes: Vec<String>,
}

pub fn run(target: &Target, load: &Load) -> Value {
    let alone = alone(target);
    let started = Instant::now() + Duration::from_millis(200);
    let end = started + load.time;
    let next = AtomicU64::new(0);
    let late = AtomicU64::new(0);
    let seconds = load.time.as_secs_f64().ceil() as usize + 1;
    let good: Vec<AtomicU64> = (0..seconds).map(|_| AtomicU64::new(0)).collect();
    let all = Mutex::new(Seen::default());
    let probing = AtomicBool::new(true);

    let client = || {
        let mut client = Client::new(target);
        let mut seen = Seen::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let due = started + Duration::from_secs_f64(number as f64 / load.rate);
            if due >= end {
                break;
            }
            let now = Instant::now();
            if now < due {
                thread::sleep(due - now);
            } else if now - due > Duration::from_millis(50) {
                // Not made up for in a burst at the end.
                if now >= end {
                    break;
                }
                late.fetch_add(1, Ordering::Relaxed);
            }
            let index = (number % target.questions.len() as u64) as usize;
            if client.ask(index, &mut seen) == Some(200)
                && let Some(second) = good.get(started.elapsed().as_secs() as usize)
            {
                second.fetch_add(1, Ordering::Relaxed);
            }
        }
        if let Ok(mut all) = all.lock() {
            all.merge(seen);
        }
    };

    let mut recovery = Value::Null;
    let mut probes = Map::new();
    let spawned = thread::scope(|scope| {
        let clients =
            (0..load.connections).map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, client));
        let spawned = clients.filter(Result::is_ok).count();
        let probers: Vec<_> =
            load.probes.iter().map(|path| (path, scope.spawn(|| probe(target, path, &probing)))).collect();
        thread::sleep(end.saturating_duration_since(Instant::now()));
        recovery = recover(target, alone);
        probing.store(false, Ordering::Relaxed);
        for (path, prober) in probers {
            let seen = prober.join().unwrap_or_default();
            probes.insert(path.clone(), seen.report().into());
        }
        spawned
    });

    let seen = all.into_inner().unwrap_or_default();
    let mut report = seen.report();
    let sent: usize = next.into_inner() as usize;
    let good: Vec<u64> = good.into_iter().map(AtomicU64::into_inner).collect();
    let whole = &good[..seconds - 1];
    report.insert("connections".to_owned(), json!(spawned));
    report.insert("rate_wanted".to_owned(), json!(load.rate));
    let answered: usize = [200, 429, 503].iter().map(|status| seen.answered(*status)).sum();
    report.insert("rate_reached".to_owned(), json!(answered as f64 / load.time.as_secs_f64()));
    report.insert("late".to_owned(), json!(late.into_inner()));
    report.insert("sent".to_owned(), json!(sent.saturating_sub(spawned)));
    report.insert("good_per_second".to_owned(), json!(whole));
    report.insert("goodput".to_owned(), json!(whole.iter().sum::<u64>() as f64 / load.time.as_secs_f64()));
    report.insert("alone_p50_ms".to_owned(), json!(milliseconds(alone)));
    report.insert("recovery".to_owned(), recovery);
    report.insert("probes".to_owned(), Value::Object(probes));
    Value::Object(report)
}

/// The median latency of questions that are asked one by one.
fn alone(target: &Target) -> Duration {
    let (mut client, mut ignored) = (Client::new(target), Seen::default());
    let mut latencies: Vec<Duration> = (0..ALONE)
        .map(|number| {
            let started = Instant::now();
            client.ask(number % target.questions.len(), &mut ignored);
            started.elapsed()
        })
        .collect();
    latencies.sort();
    latencies[ALONE / 2]
}

/// Asks one by one from the end of the load on; after how long an answer was there, and there as fast as before.
fn recover(target: &Target, alone: Duration) -> Value {
    let over = Instant::now();
    let (mut client, mut seen) = (Client::new(target), Seen::default());
    let (mut first, mut as_before) = (None, None);
    let mut latencies = Vec::new();
    for number in 0.. {
        if over.elapsed() >= WATCHED {
            break;
        }
        let started = Instant::now();
        if client.ask(number % target.questions.len(), &mut seen) == Some(200) {
            first.get_or_insert_with(|| milliseconds(over.elapsed()));
            if started.elapsed() <= alone * 2 + Duration::from_millis(1) {
                as_before.get_or_insert_with(|| milliseconds(over.elapsed()));
            }
            latencies.push(started.elapsed());
        } else {
            thread::sleep(Duration::from_millis(10));
        }
    }
    json!({ "first_answer_ms": first, "as_fast_as_before_ms": as_before, "latency": quantiles(&latencies) })
}

fn probe(target: &Target, path: &str, probing: &AtomicBool) -> Seen {
    let mut client = Client::new(target);
    let mut seen = Seen::default();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", target.address);
    while probing.load(Ordering::Relaxed) {
        let started = Instant::now();
        match client.exchange(request.as_bytes()) {
            Ok(response) => seen.response(response.status, started.elapsed()),
            Err(error) => seen.failure(&error),
        }
        thread::sleep(Duration::from_millis(100));
    }
    seen
}
