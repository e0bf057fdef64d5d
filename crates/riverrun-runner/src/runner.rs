//! [`Runner`]: a unit of computation, and where it runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::batcher::{Batching, message};
use crate::compute::Permits;
use crate::core::Core;
use crate::error::{Rejected, RunnerError};
use crate::method::Method;
use crate::observer::{BatchObserver, BatchReport};
use crate::registry;
use crate::runnable::{Runnable, Signature};
use crate::stats::RunnerStats;
use crate::sync::lock;

type Loader<R> = dyn Fn() -> Result<R, RunnerError> + Send + Sync;

/// A [`Runnable`] and where it runs. Clones are the same runner.
///
/// Requests of all callers and clones meet in one queue and are computed in batches, on as many threads as the process
/// has compute permits: `RIVERRUN_NUM_THREADS`, else its CPU limit.
///
/// ```
/// use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};
///
/// struct Lengths;
///
/// impl Runnable for Lengths {
///     type Input = String;
///     type Prepared = String;
///     type Output = usize;
///
///     fn prepare(&self, input: String) -> Result<Prepared<String>, ItemError> {
///         Ok(Prepared { cost: input.len(), value: input })
///     }
///
///     fn run(&self, batch: Vec<String>, _: &Compute) -> Result<Vec<Result<usize, ItemError>>, ItemError> {
///         Ok(batch.iter().map(|text| Ok(text.len())).collect())
///     }
/// }
///
/// let runner = Runner::new("lengths", Lengths);
/// runner.init_local()?;
///
/// assert_eq!(runner.run("four")?, 4);
/// let lengths = runner.run_batch(vec!["a", "bc"])?;
/// assert_eq!(lengths, [Ok(1), Ok(2)]);
/// # Ok::<(), riverrun_runner::RunnerError>(())
/// ```
pub struct Runner<R: Runnable> {
    shared: Arc<Shared<R>>,
}

struct Shared<R: Runnable> {
    name: Arc<str>,
    source: Source<R>,
    settings: Mutex<Settings>,
    core: OnceLock<Arc<Core<R>>>,
    initialising: Mutex<()>,
}

enum Source<R> {
    Instance(Mutex<Option<R>>),
    Lazy { key: String, loader: Box<Loader<R>> },
}

struct Settings {
    batching: Batching,
    permits: Option<&'static Permits>,
}

impl<R: Runnable> Clone for Runner<R> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<R: Runnable> std::fmt::Debug for Runner<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("name", &self.shared.name)
            .field("initialised", &self.is_initialised())
            .finish_non_exhaustive()
    }
}

impl<R: Runnable> Runner<R> {
    /// A runner of this instance.
    pub fn new(name: impl Into<String>, runnable: R) -> Self {
        Self::from_source(name.into(), Source::Instance(Mutex::new(Some(runnable))))
    }

    /// A runner whose runnable `loader` loads in [`init_local`](Self::init_local).
    ///
    /// Runners with one `key` (a model's full tag, say) share one copy per process; only the first calls its loader.
    pub fn lazy(
        name: impl Into<String>, key: impl Into<String>,
        loader: impl Fn() -> Result<R, RunnerError> + Send + Sync + 'static,
    ) -> Self {
        let loader = Box::new(loader);
        Self::from_source(name.into(), Source::Lazy { key: key.into(), loader })
    }

    fn from_source(name: String, source: Source<R>) -> Self {
        let settings = Settings { batching: Batching::default(), permits: None };
        let shared = Shared {
            name: name.into(),
            source,
            settings: Mutex::new(settings),
            core: OnceLock::new(),
            initialising: Mutex::new(()),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Batches by these limits; to be set before [`init_local`](Self::init_local), without effect afterwards.
    #[must_use]
    pub fn batching(self, batching: Batching) -> Self {
        lock(&self.shared.settings).batching = batching;
        self
    }

    #[cfg(test)]
    pub(crate) fn on_permits(self, permits: &'static Permits) -> Self {
        lock(&self.shared.settings).permits = Some(permits);
        self
    }

    /// The runner's name, as in its errors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Loads what it runs into this process, for all clones. It stays until the last of them is dropped.
    ///
    /// # Errors
    /// [`AlreadyInitialised`](RunnerError::AlreadyInitialised) the second time; the loader's error, after which it may be
    /// called again.
    pub fn init_local(&self) -> Result<(), RunnerError> {
        if self.ensure_local()? {
            Ok(())
        } else {
            Err(RunnerError::AlreadyInitialised { runner: self.shared.name.clone() })
        }
    }

    /// As [`init_local`](Self::init_local), unless a clone has done it; says whether it had to. For hosts, which open one
    /// clone per subtask.
    ///
    /// # Errors
    /// The loader's.
    pub fn ensure_local(&self) -> Result<bool, RunnerError> {
        let _alone = lock(&self.shared.initialising);
        if self.is_initialised() {
            return Ok(false);
        }
        let (batching, permits) = {
            let settings = lock(&self.shared.settings);
            (settings.batching.clone(), settings.permits.unwrap_or_else(Permits::global))
        };
        let name = || self.shared.name.clone();
        let core = match &self.shared.source {
            Source::Instance(instance) => {
                let runnable = lock(instance).take();
                let runnable = runnable.ok_or_else(|| RunnerError::AlreadyInitialised { runner: name() })?;
                Arc::new(Core::new(name(), Arc::new(runnable), batching, permits))
            }
            Source::Lazy { key, loader } => registry::share(
                key,
                |core: &Core<R>| {
                    core.batching == batching && core.name == self.shared.name && std::ptr::eq(core.permits, permits)
                },
                |loaded| {
                    let runnable = match loaded {
                        Some(runnable) => runnable,
                        None => Arc::new(self.load(loader)?),
                    };
                    Ok(Core::new(name(), runnable, batching.clone(), permits))
                },
            )?,
        };
        Ok(self.shared.core.set(core).is_ok())
    }

    fn load(&self, loader: &Loader<R>) -> Result<R, RunnerError> {
        catch_unwind(AssertUnwindSafe(loader)).unwrap_or_else(|panic| {
            let reason = format!("the loader panicked: {}", message(&*panic));
            Err(RunnerError::Load { runner: self.shared.name.clone(), reason })
        })
    }

    /// Whether it can be run.
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.shared.core.get().is_some()
    }

    pub(crate) fn core(&self) -> Result<&Arc<Core<R>>, RunnerError> {
        self.shared.core.get().ok_or_else(|| RunnerError::NotInitialised { runner: self.shared.name.clone() })
    }

    /// What can be called by name.
    ///
    /// # Errors
    /// [`NotInitialised`](RunnerError::NotInitialised).
    pub fn signatures(&self) -> Result<Vec<Signature>, RunnerError> {
        Ok(self.core()?.methods.iter().map(Signature::new).collect())
    }

    /// The method called `name`, with the same ways to call it as the runner.
    ///
    /// # Errors
    /// [`UnknownMethod`](RunnerError::UnknownMethod), which lists those there are;
    /// [`NotInitialised`](RunnerError::NotInitialised).
    pub fn method(&self, name: &str) -> Result<Method<R>, RunnerError> {
        let core = self.core()?;
        core.methods
            .iter()
            .position(|method| method == name)
            .map(|index| Method::new(core.clone(), index))
            .ok_or_else(|| unknown(core, name))
    }

    /// The method that the runner's own calls go to: the only one, or `__call__`.
    fn default_method(&self) -> Result<(&Arc<Core<R>>, usize), RunnerError> {
        let core = self.core()?;
        if core.methods.len() == 1 {
            return Ok((core, 0));
        }
        core.methods
            .iter()
            .position(|method| method == Signature::CALL)
            .map(|index| (core, index))
            .ok_or_else(|| unknown(core, Signature::CALL))
    }

    /// Computes one item and waits for it.
    ///
    /// When a compute permit is idle, the calling thread computes at once, without a hop to another thread.
    ///
    /// # Errors
    /// [`Item`](RunnerError::Item) when the item or its computation is at fault;
    /// [`BlockingInAsync`](RunnerError::BlockingInAsync) in an async task, which calls [`async_run`](Self::async_run);
    /// [`TimedOut`](RunnerError::TimedOut) with a [timeout](Batching::timeout).
    pub fn run(&self, input: impl Into<R::Input>) -> Result<R::Output, RunnerError> {
        let (core, method) = self.default_method()?;
        crate::method::run(core, method, input.into(), core.batching.timeout)
    }

    /// As [`run`](Self::run), with a timeout of its own.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_timeout(&self, input: impl Into<R::Input>, timeout: Duration) -> Result<R::Output, RunnerError> {
        let (core, method) = self.default_method()?;
        crate::method::run(core, method, input.into(), Some(timeout))
    }

    /// As [`run`](Self::run), but refused when the queue is full.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`QueueFull`](RunnerError::QueueFull).
    pub fn try_run(&self, input: impl Into<R::Input>) -> Result<R::Output, RunnerError> {
        let (core, method) = self.default_method()?;
        crate::method::try_run(core, method, input.into())
    }

    /// Computes many items, on all idle compute permits, and waits for them: one result each, in order.
    ///
    /// # Errors
    /// As [`run`](Self::run); those of single items are in their place.
    pub fn run_batch(
        &self, inputs: Vec<impl Into<R::Input>>,
    ) -> Result<Vec<Result<R::Output, RunnerError>>, RunnerError> {
        let (core, method) = self.default_method()?;
        crate::method::run_batch(core, method, inputs)
    }

    /// Computes one item; on any async runtime. The item is prepared by the task that polls, and not computed if the
    /// future is dropped before its turn. A [timeout](Batching::timeout) is noticed when the request's turn comes.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn async_run(
        &self, input: impl Into<R::Input>,
    ) -> impl Future<Output = Result<R::Output, RunnerError>> + Send + 'static {
        let target = self.default_method().map(|(core, method)| (core.clone(), method));
        crate::method::async_run(target, input.into(), false)
    }

    /// As [`async_run`](Self::async_run), but refused when the queue is full.
    ///
    /// # Errors
    /// As [`async_run`](Self::async_run), and [`QueueFull`](RunnerError::QueueFull).
    pub fn try_async_run(
        &self, input: impl Into<R::Input>,
    ) -> impl Future<Output = Result<R::Output, RunnerError>> + Send + 'static {
        let target = self.default_method().map(|(core, method)| (core.clone(), method));
        crate::method::async_run(target, input.into(), true)
    }

    /// Hands over one item and returns; `on_done` gets the result, on a worker thread, and must be short.
    ///
    /// The item is prepared on a worker too: this neither blocks nor computes.
    ///
    /// # Errors
    /// The input comes back when it was not accepted; `on_done` is not called then.
    pub fn submit(
        &self, input: R::Input, on_done: impl FnOnce(Result<R::Output, RunnerError>) + Send + 'static,
    ) -> Result<(), Rejected<R::Input>> {
        match self.default_method() {
            Ok((core, method)) => crate::submit::one(core, method, input, on_done),
            Err(error) => Err(Rejected { input, error }),
        }
    }

    /// As [`submit`](Self::submit) for many items; `on_done` gets all results together, in order.
    ///
    /// # Errors
    /// All inputs come back when there is no room for all of them: see [`room`](Self::room).
    pub fn submit_batch(
        &self, inputs: Vec<R::Input>, on_done: impl FnOnce(Vec<Result<R::Output, RunnerError>>) + Send + 'static,
    ) -> Result<(), Rejected<Vec<R::Input>>> {
        match self.default_method() {
            Ok((core, method)) => crate::submit::together(core, method, inputs, on_done),
            Err(error) => Err(Rejected { input: inputs, error }),
        }
    }

    /// As [`submit_batch`](Self::submit_batch), but `on_each` gets each result as soon as it is there, with the index of
    /// its input; several threads may call it at a time.
    ///
    /// # Errors
    /// As [`submit_batch`](Self::submit_batch).
    pub fn submit_each(
        &self, inputs: Vec<R::Input>, on_each: impl Fn(usize, Result<R::Output, RunnerError>) + Send + Sync + 'static,
    ) -> Result<(), Rejected<Vec<R::Input>>> {
        match self.default_method() {
            Ok((core, method)) => crate::submit::each(core, method, inputs, on_each),
            Err(error) => Err(Rejected { input: inputs, error }),
        }
    }

    /// How many items the queue would accept now.
    ///
    /// # Errors
    /// [`NotInitialised`](RunnerError::NotInitialised).
    pub fn room(&self) -> Result<usize, RunnerError> {
        let core = self.core()?;
        Ok(core.batching.max_queue.saturating_sub(core.queue.len()))
    }

    /// Calls `callback` once when the queue accepts items: now, or on the thread that next takes a batch out of it.
    ///
    /// # Errors
    /// [`NotInitialised`](RunnerError::NotInitialised).
    pub fn when_room(&self, callback: impl FnOnce() + Send + 'static) -> Result<(), RunnerError> {
        let core = self.core()?;
        if let Some(callback) = core.queue.when_room(core.batching.max_queue, Box::new(callback)) {
            callback();
        }
        Ok(())
    }

    /// Has every batch reported to `observe`, on the thread that computed it, before its results are given out: those of all who
    /// share the runner, from now until the observer is dropped. It must be short.
    ///
    /// # Errors
    /// [`NotInitialised`](RunnerError::NotInitialised).
    pub fn observe(&self, observe: impl Fn(BatchReport) + Send + Sync + 'static) -> Result<BatchObserver, RunnerError> {
        Ok(self.core()?.observers.add(observe))
    }

    /// The most items in one of its batches.
    #[must_use]
    pub fn max_batch_size(&self) -> usize {
        match self.shared.core.get() {
            Some(core) => core.batching.max_batch_size,
            None => lock(&self.shared.settings).batching.max_batch_size,
        }
    }

    /// What it has done since it was loaded, for all who share it; nothing yet before.
    #[must_use]
    pub fn stats(&self) -> RunnerStats {
        match self.shared.core.get() {
            Some(core) => core.counters.snapshot(core.queue.len()),
            None => RunnerStats::default(),
        }
    }
}

fn unknown<R: Runnable>(core: &Core<R>, method: &str) -> RunnerError {
    RunnerError::UnknownMethod { runner: core.name.clone(), method: method.to_owned(), methods: core.methods.clone() }
}
