//! What the clients saw, and the figures made of it.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// How many messages of a kind are kept.
const MESSAGES: usize = 5;

/// What one client saw. Clients each have their own and are merged in the end.
#[derive(Default)]
pub struct Seen {
    latencies: BTreeMap<u16, Vec<Duration>>,
    counts: BTreeMap<&'static str, u64>,
    messages: BTreeMap<&'static str, Vec<String>>,
}

impl Seen {
    pub fn response(&mut self, status: u16, latency: Duration) {
        self.latencies.entry(status).or_default().push(latency);
    }

    /// Counts something that has no latency.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Counts something, and keeps the first few messages about it.
    pub fn note(&mut self, what: &'static str, message: String) {
        self.count(what);
        let messages = self.messages.entry(what).or_default();
        if messages.len() < MESSAGES {
            messages.push(message);
        }
    }

    /// Counts a failed exchange: `stuck` if nothing came for as long as the timeout, else `broken`.
    pub fn failure(&mut self, error: &io::Error) {
        let stuck = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        self.note(if stuck { "stuck" } else { "broken" }, error.to_string());
    }

    pub fn merge(&mut self, other: Self) {
        for (status, mut latencies) in other.latencies {
            self.latencies.entry(status).or_default().append(&mut latencies);
        }
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
        for (what, messages) in other.messages {
            let kept = self.messages.entry(what).or_default();
            kept.extend(messages);
            kept.truncate(MESSAGES);
        }
    }

    pub fn answered(&self, status: u16) -> usize {
        self.latencies.get(&status).map_or(0, Vec::len)
    }

    /// Latencies by status, counts and messages.
    pub fn report(&self) -> Map<String, Value> {
        let by_status = self.latencies.iter().map(|(status, latencies)| (status.to_string(), quantiles(latencies)));
        let mut report = Map::new();
        report.insert("status".to_owned(), by_status.collect::<Map<_, _>>().into());
        report.extend(self.counts.iter().map(|(what, count)| ((*what).to_owned(), json!(count))));
        if !self.messages.is_empty() {
            report.insert("messages".to_owned(), json!(self.messages));
        }
        report
    }
}

/// Milliseconds.
pub fn quantiles(latencies: &[Duration]) -> Value {
    let mut sorted = latencies.to_vec();
    sorted.sort();
    let at = |quantile: f64| {
        let index = (sorted.len() as f64 * quantile) as usize;
        sorted.get(index.min(sorted.len().saturating_sub(1))).map(|latency| milliseconds(*latency))
    };
    json!({
        "count": sorted.len(), "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99),
        "max_ms": sorted.last().map(|latency| milliseconds(*latency)),
    })
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
