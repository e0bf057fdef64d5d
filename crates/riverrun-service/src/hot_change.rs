//! [`Follow`]: a served model that moves on with what its source says is the latest version.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use riverrun_runner::AnyRunner;

use crate::error::ServiceError;
use crate::served_model::ServedModel;

/// How often a source is asked, unless [`Follow::every`] says otherwise.
const INTERVAL: Duration = Duration::from_secs(2);

/// Where the versions of a model come from: a model store, say.
pub trait ModelSource: Send + Sync + 'static {
    /// The version that is to be served now.
    ///
    /// # Errors
    /// It can't be told now; it is asked again after the interval.
    fn latest(&self) -> Result<String, SourceError>;

    /// Loads this version. It may take its time: requests are answered by the version before.
    ///
    /// # Errors
    /// The version can't be loaded; it is not asked for again until `latest` has meant another.
    fn load(&self, version: &str) -> Result<Arc<dyn AnyRunner>, SourceError>;
}

/// What a [`ModelSource`] says when it has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    message: String,
}

impl SourceError {
    /// An error with this message: what happened, to what, what to do next.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// What happened when a model's latest version became another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FollowEvent {
    /// This version answers from now on.
    Changed {
        /// The model.
        model: String,
        /// The versions before.
        from: Vec<String>,
        /// The version now.
        to: String,
    },
    /// This version is not served; those before go on.
    Failed {
        /// The model.
        model: String,
        /// The version.
        version: String,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for FollowEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { model, from, to } if from.is_empty() => write!(f, "{model}:{to} is served"),
            Self::Changed { model, from, to } => write!(f, "{model}:{to} has taken the place of {}", from.join(", ")),
            Self::Failed { model, version, reason } => write!(f, "{model}:{version} is not served: {reason}"),
        }
    }
}

/// Has a [`ServedModel`] served in the version that a [`ModelSource`] says is the latest, without a pause.
///
/// A newer version is loaded beside the one that is served, warmed up, and takes its place from one request to the next. Requests that
/// were given to the version before are answered by it, and it is released after the last of them. Where loading or warming up
/// fails, the version before goes on; the failure is logged, is shown at `/v1/models`, and is not tried again until the source names
/// another version.
///
/// A model that is followed is served in one version at a time: a change replaces all versions that it has.
pub struct Follow {
    source: Arc<dyn ModelSource>,
    interval: Duration,
    on_event: Box<dyn Fn(&FollowEvent) + Send>,
}

impl Follow {
    /// Follows what this source says.
    pub fn new(source: impl ModelSource) -> Self {
        Self { source: Arc::new(source), interval: INTERVAL, on_event: Box::new(|_| {}) }
    }

    /// How often the source is asked; every 2 s by default.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Is told of every change and of every version that failed, on the thread that follows.
    #[must_use]
    pub fn on_event(mut self, on_event: impl Fn(&FollowEvent) + Send + 'static) -> Self {
        self.on_event = Box::new(on_event);
        self
    }

    /// Begins, on a thread of its own. It ends when the [`Following`] is dropped. A model that is
    /// [unloaded](ServedModel::unloaded) gets its first version this way too.
    ///
    /// # Errors
    /// [`Follow`](ServiceError::Follow): no thread can be had.
    pub fn start(self, model: &Arc<ServedModel>) -> Result<Following, ServiceError> {
        let (stop, stopped) = sync_channel::<()>(0);
        let interval = self.interval;
        let mut follower = Follower { follow: self, model: model.clone(), at: None };
        follower.at = match &model.versions()[..] {
            [only] => Some(only.version().to_owned()),
            _ => None,
        };
        thread::Builder::new()
            .name("riverrun-follow".into())
            .spawn(move || {
                follower.look();
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    follower.look();
                }
            })
            .map_err(|error| ServiceError::Follow { model: model.name().to_owned(), reason: error.to_string() })?;
        Ok(Following { _stop: stop })
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("every", &self.interval).finish_non_exhaustive()
    }
}

/// Held while a model follows its source.
#[derive(Debug)]
#[must_use = "the model stops following when this is dropped"]
pub struct Following {
    _stop: SyncSender<()>,
}

struct Follower {
    follow: Follow,
    model: Arc<ServedModel>,
    /// The version that was put in place, or tried, last.
    at: Option<String>,
}

impl Follower {
    fn look(&mut self) {
        let source = self.follow.source.clone();
        let latest = match guard(|| source.latest()) {
            Ok(latest) => latest,
            Err(reason) => {
                tracing::debug!(target: "riverrun::models", model = self.model.name(), reason, "the latest version is not known");
                return;
            }
        };
        if self.at.as_ref() == Some(&latest) {
            return;
        }
        self.at = Some(latest.clone());
        let before: Vec<String> = self.model.versions().iter().map(|served| served.version().to_owned()).collect();
        if before == [latest.clone()] {
            // Back at what is served: the version in between is of no interest any more.
            self.model.set_failure(None);
            return;
        }
        let model = self.model.name().to_owned();
        let event = match self.change(&latest) {
            Ok(()) => {
                tracing::info!(target: "riverrun::models", model, version = latest, before = before.join(", "), "a version is served");
                FollowEvent::Changed { model, from: before, to: latest }
            }
            Err(reason) => {
                tracing::error!(target: "riverrun::models", model, version = latest, reason, "a version is not served; the one before goes on");
                FollowEvent::Failed { model, version: latest, reason }
            }
        };
        // A panic of it is its owner's; the model goes on following.
        drop(catch_unwind(AssertUnwindSafe(|| (self.follow.on_event)(&event))));
    }

    fn change(&self, version: &str) -> Result<(), String> {
        let source = &self.follow.source;
        let begun = Instant::now();
        let loaded = guard(|| source.load(version));
        if loaded.is_err() {
            self.model.changes().failed();
        }
        let ready = loaded.and_then(|runner| {
            self.model.change_to(version, runner).map_err(|error| match error {
                ServiceError::Change { reason, .. } => reason,
                other => other.to_string(),
            })
        });
        match &ready {
            Ok(()) => self.model.loaded_in(begun.elapsed()),
            Err(reason) => self.model.set_failure(Some((version, reason))),
        }
        ready
    }
}

/// A panic of the source is an error of the version, not the end of following.
fn guard<T>(call: impl FnOnce() -> Result<T, SourceError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("its loader panicked: {}", crate::fault::panic_message(&*panic))),
    }
}
