//! [`Shadow`]: a version that gets copies of a model's requests, and answers nobody.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use riverrun_runner::{Answers, AnyRunner, Call, Inputs, Priority, RequestOptions, RunnerError};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::served_model::hash;

/// How many copies may be under way at a time.
const UNDER_WAY: usize = 32;

/// A version that computes copies of a model's requests, so that its answers can be compared before anyone gets them.
///
/// It neither delays nor fails an answer: a copy is made only while few are under way, goes at low priority, and what
/// becomes of it is counted. It does take compute.
pub struct Shadow {
    version: Arc<str>,
    runner: Arc<dyn AnyRunner>,
    /// Of a million requests.
    share: u64,
    room: Arc<Semaphore>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    same: AtomicU64,
    different: AtomicU64,
    failed: AtomicU64,
    skipped: AtomicU64,
}

/// What became of the inputs that a shadow got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShadowCounts {
    /// Inputs with the same best answer from both versions.
    pub same: u64,
    /// Inputs with another best answer.
    pub different: u64,
    /// Inputs that the shadow failed at, and the served version did not.
    pub failed: u64,
    /// Requests that were not copied, because too many were under way or its queue was full.
    pub skipped: u64,
}

impl Shadow {
    /// A shadow for all requests.
    pub fn new(version: &str, runner: Arc<dyn AnyRunner>) -> Self {
        Self {
            version: version.into(),
            runner,
            share: 1_000_000,
            room: Arc::new(Semaphore::new(UNDER_WAY)),
            counts: Counts::default(),
        }
    }

    /// For this part of the requests, from 0 to 1.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = (share.clamp(0.0, 1.0) * 1e6) as u64;
        self
    }

    /// The version that computes the copies.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What became of the copies so far.
    #[must_use]
    pub fn counts(&self) -> ShadowCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ShadowCounts {
            same: read(&self.counts.same),
            different: read(&self.counts.different),
            failed: read(&self.counts.failed),
            skipped: read(&self.counts.skipped),
        }
    }

    /// A copy of these inputs, if this request is to be shadowed.
    pub(crate) fn copy(self: &Arc<Self>, request_id: &str, method: Option<&str>, inputs: &Inputs) -> Option<Copy> {
        // Not the hash that picks the version, or the shadow would see the requests of one version alone.
        let chosen = hash(request_id.as_bytes()).rotate_left(32) % 1_000_000 < self.share;
        if !chosen {
            return None;
        }
        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            self.counts.skipped.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let options = RequestOptions::default().priority(Priority::Low);
        let call = Call { method: method.map(str::to_owned), inputs: inputs.clone(), options };
        Some(Copy { shadow: self.clone(), call, _permit: permit })
    }

    fn compare(&self, served: &[Option<Value>], answers: &Answers) {
        for (index, served) in served.iter().enumerate() {
            let Some(served) = served else { continue };
            let count = match best(answers, index) {
                Some(answer) if answer == *served => &self.counts.same,
                Some(_) => &self.counts.different,
                None => &self.counts.failed,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow").field("version", &self.version).field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// A request's inputs on their way to a shadow.
pub(crate) struct Copy {
    shadow: Arc<Shadow>,
    call: Call,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Copy {
    /// Computes the copy, now that the request has its answers, and compares.
    pub(crate) fn compare_with(self, answers: &Answers) {
        let Self { shadow, call, _permit } = self;
        let served: Vec<Option<Value>> = (0..answers.len()).map(|index| best(answers, index)).collect();
        tokio::spawn(async move {
            match shadow.runner.call(call).await {
                Ok(answers) => shadow.compare(&served, &answers),
                Err(RunnerError::QueueFull { .. }) => {
                    shadow.counts.skipped.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => {
                    shadow.counts.failed.fetch_add(served.len() as u64, Ordering::Relaxed);
                }
            }
            drop(_permit);
        });
    }
}

/// What counts in an answer: the label of the first, where it has labels, else all of it.
fn best(answers: &Answers, index: usize) -> Option<Value> {
    let output = answers.get(index)?.ok()?;
    let mut value = serde_json::to_value(output).ok()?;
    if let Value::Array(list) = &mut value {
        let first = list.first_mut().map_or(Value::Null, Value::take);
        value = first;
    }
    match value {
        Value::Object(mut fields) => match fields.remove("label") {
            Some(label) => Some(label),
            None => Some(Value::Object(fields)),
        },
        other => Some(other),
    }
}
