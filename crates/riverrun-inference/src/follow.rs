//! [`FollowLatest`]: a runner that moves on with its model's latest version.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use riverrun_model::{ModelStore, Tag, TagRef};
use riverrun_runner::{Runner, RunnerError};

use crate::{InferenceError, ModelExt, TaskOptions, TextClassificationOptions};

/// How often the store is asked, unless [`FollowLatest::every`] says otherwise.
const INTERVAL: Duration = Duration::from_secs(2);

/// What happened when a model's `latest` moved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelChange {
    /// The runner runs this version from now on.
    Changed {
        /// The version before.
        from: Tag,
        /// The version now.
        to: Tag,
    },
    /// This version could not be loaded or warmed up; the runner stays where it is, and tries the next one that `latest` means.
    Failed {
        /// The version that the runner stays at.
        at: Tag,
        /// The version that failed.
        version: Tag,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for ModelChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { from, to } => write!(f, "{to} has taken the place of {from}"),
            Self::Failed { at, version, reason } => write!(f, "{version} cannot take the place of {at}: {reason}"),
        }
    }
}

/// Has a runner of a job move on when `latest` moves to another version of its model.
///
/// By default a job keeps the version that it resolved at its start, so that it gives the same answers to its end. A job
/// that follows gives up that promise: a record that is computed again after a failure may get the newer version's answer.
///
/// The newer version is loaded beside the old one, warmed up, and takes its place at once; records that were handed over before
/// are answered by the old one, which is released after the last of them.
///
/// ```no_run
/// use riverrun_inference::{FollowLatest, ModelExt};
/// use riverrun_model::{ModelStore, TagRef};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = ModelStore::open_default()?;
/// let runner = store.get(&TagRef::latest("tweet-sentiment")?)?.to_runner()?;
/// runner.init_local()?;
/// let following = FollowLatest::new(&store, "tweet-sentiment")?
///     .on_change(|change| eprintln!("{change}"))
///     .start(&runner)?;
/// // … the job runs …
/// drop(following);
/// # Ok(())
/// # }
/// ```
pub struct FollowLatest<O = TextClassificationOptions> {
    store: ModelStore,
    latest: TagRef,
    options: O,
    interval: Duration,
    on_change: Box<dyn Fn(&ModelChange) + Send>,
}

impl FollowLatest {
    /// Follows the latest version of `name` in this store.
    ///
    /// # Errors
    /// The name is not as the grammar of tags says.
    pub fn new(store: &ModelStore, name: &str) -> Result<Self, riverrun_model::Error> {
        Ok(Self {
            store: store.clone(),
            latest: TagRef::latest(name)?,
            options: TextClassificationOptions::new(),
            interval: INTERVAL,
            on_change: Box::new(|_| {}),
        })
    }
}

impl<O: TaskOptions> FollowLatest<O> {
    /// Loads newer versions with these options: those that the runner was made with, whatever its task.
    #[must_use]
    pub fn options<P: TaskOptions>(self, options: P) -> FollowLatest<P> {
        let Self { store, latest, interval, on_change, .. } = self;
        FollowLatest { store, latest, options, interval, on_change }
    }

    /// How often the store is asked; every 2 s by default.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Is told of every change, and of every version that failed, on the thread that follows.
    #[must_use]
    pub fn on_change(mut self, on_change: impl Fn(&ModelChange) + Send + 'static) -> Self {
        self.on_change = Box::new(on_change);
        self
    }

    /// Begins. It ends when the [`Following`] is dropped.
    ///
    /// # Errors
    /// The runner is not initialised, or its name is no exact tag, as it is for one that [`ModelExt::to_runner`] made; no thread
    /// can be had.
    pub fn start(self, runner: &Runner<O::Task>) -> Result<Following, InferenceError> {
        if !runner.is_initialised() {
            return Err(RunnerError::NotInitialised { runner: runner.name().into() }.into());
        }
        let tag = Tag::parse(runner.name()).map_err(|error| InferenceError::CannotFollow {
            runner: runner.name().to_owned(),
            reason: format!("its name is no model's tag: {error}"),
        })?;
        let (stop, stopped) = sync_channel::<()>(0);
        let follower = Follower { follow: self, runner: runner.clone(), at: tag, failed: None };
        let name = runner.name().to_owned();
        thread::Builder::new()
            .name("riverrun-follow".into())
            .spawn(move || {
                let mut follower = follower;
                while stopped.recv_timeout(follower.follow.interval) == Err(RecvTimeoutError::Timeout) {
                    follower.look();
                }
            })
            .map_err(|error| InferenceError::CannotFollow { runner: name, reason: error.to_string() })?;
        Ok(Following { _stop: stop })
    }
}

impl<O> fmt::Debug for FollowLatest<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowLatest")
            .field("latest", &self.latest)
            .field("every", &self.interval)
            .finish_non_exhaustive()
    }
}

/// Held while a runner follows.
#[derive(Debug)]
#[must_use = "the runner stops following when this is dropped"]
pub struct Following {
    _stop: SyncSender<()>,
}

struct Follower<O: TaskOptions> {
    follow: FollowLatest<O>,
    runner: Runner<O::Task>,
    at: Tag,
    /// Not tried again until `latest` moves on.
    failed: Option<Tag>,
}

impl<O: TaskOptions> Follower<O> {
    fn look(&mut self) {
        // A store that can't be read now may be readable the next time; the runner runs on meanwhile.
        let Ok(model) = self.follow.store.get(&self.follow.latest) else { return };
        let tag = model.tag().clone();
        if tag == self.at {
            self.failed = None;
            return;
        }
        if self.failed.as_ref() == Some(&tag) {
            return;
        }
        let loaded = model.to_runner_with(self.follow.options.clone()).and_then(|next| {
            let next = next.batching(self.runner.current_batching());
            next.ensure_local()?;
            next.warm_up()?;
            self.runner.replace_with(&next)?;
            Ok(())
        });
        let change = match loaded {
            Ok(()) => {
                self.failed = None;
                ModelChange::Changed { from: std::mem::replace(&mut self.at, tag.clone()), to: tag }
            }
            Err(error) => {
                self.failed = Some(tag.clone());
                ModelChange::Failed { at: self.at.clone(), version: tag, reason: error.to_string() }
            }
        };
        (self.follow.on_change)(&change);
    }
}
