//! [`Runner`]: a unit of computation, and where it runs.

use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::batcher::{Batching, message};
use crate::cache::Caching;
use crate::compute::Permits;
use crate::core::Core;
use crate::error::{Rejected, RunnerError};
use crate::method::Method;
use crate::observer::{BatchObserver, BatchReport};
use crate::registry;
use crate::remote::RemoteQueue;
use crate::request::RequestOptions;
use crate::runnable::{Runnable, Signature};
use crate::runtime;
use crate::stats::RunnerStats;
use crate::sync::{Mutex, lock};
use crate::wire::Map;

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
    settings: Mutex<Settings<R>>,
    core: ArcSwapOption<Core<R>>,
    initialising: Mutex<()>,
}

enum Source<R> {
    Instance(Mutex<Option<R>>),
    Lazy { key: String, loader: Box<Loader<R>> },
}

struct Settings<R: Runnable> {
    batching: Batching,
    caching: Option<Caching<R>>,
    parameters: Map,
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
        let settings = Settings { batching: Batching::default(), caching: None, parameters: Map::new(), permits: None };
        let shared = Shared {
            name: name.into(),
            source,
            settings: Mutex::new(settings),
            core: ArcSwapOption::empty(),
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

    /// Remembers the results of up to so many inputs, for those that come again: they are answered without being prepared or
    /// computed. To be set before [`init_local`](Self::init_local), without effect afterwards; none, and 0, is the default.
    ///
    /// It is for runnables that give equal results for equal inputs. The results that are asked for least make room for new
    /// ones; errors are not remembered. A version that [`replace_with`](Self::replace_with) brings has a cache of its own,
    /// and a remote runner has none: the service may have one.
    ///
    /// An input is known by a hash of 128 bits with a random key, so neither inputs nor results of others can be met by chance or
    /// made to. An entry takes the result's memory and that of the hash. [`stats`](Self::stats) has the hits.
    #[must_use]
    pub fn cached(self, entries: usize) -> Self
    where
        R::Input: Hash,
        R::Output: Clone + Sync,
    {
        lock(&self.shared.settings).caching = (entries > 0).then(|| Caching::of(entries));
        self
    }

    /// The limits that it batches by.
    #[must_use]
    pub fn current_batching(&self) -> Batching {
        match &*self.shared.core.load() {
            Some(core) => core.batching.clone(),
            None => lock(&self.shared.settings).batching.clone(),
        }
    }

    /// What a remote runner asks the service for with every item that does not say otherwise (`top_k`, say). A runner in this
    /// process has been told when it was made.
    #[must_use]
    pub fn parameters(self, parameters: Map) -> Self {
        lock(&self.shared.settings).parameters = parameters;
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

    pub(crate) fn shared_name(&self) -> Arc<str> {
        self.shared.name.clone()
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
        let (batching, caching, permits) = {
            let settings = lock(&self.shared.settings);
            (settings.batching.clone(), settings.caching.clone(), settings.permits.unwrap_or_else(Permits::global))
        };
        let name = || self.shared.name.clone();
        let core = match &self.shared.source {
            Source::Instance(instance) => {
                let runnable = lock(instance).take();
                let runnable = runnable.ok_or_else(|| RunnerError::AlreadyInitialised { runner: name() })?;
                Arc::new(Core::local(name(), Arc::new(runnable), batching, caching, permits))
            }
            Source::Lazy { key, loader } => registry::share(
                key,
                |core: &Core<R>| {
                    core.batching == batching
                        && core.cache_entries() == caching.as_ref().map(|caching| caching.entries)
                        && core.name == self.shared.name
                        && std::ptr::eq(core.permits, permits)
                },
                |loaded| {
                    let runnable = match loaded {
                        Some(runnable) => runnable,
                        None => Arc::new(self.load(loader)?),
                    };
                    Ok(Core::local(name(), runnable, batching.clone(), caching.clone(), permits))
                },
            )?,
        };
        self.shared.core.store(Some(core));
        Ok(true)
    }

    /// Binds it, for all clones, to something that computes its batches elsewhere: `serve` gets the queue and sees to it that
    /// somebody takes batches from it. What `init_client` is made of.
    ///
    /// `methods` are what can be called by name; `predict` alone if there is none.
    ///
    /// # Errors
    /// [`AlreadyInitialised`](RunnerError::AlreadyInitialised) the second time; the error of `serve`, after which it may be
    /// called again.
    pub fn init_remote<E: From<RunnerError>>(
        &self, methods: Vec<String>, serve: impl FnOnce(RemoteQueue<R>) -> Result<(), E>,
    ) -> Result<(), E> {
        let _alone = lock(&self.shared.initialising);
        let name = self.shared_name();
        if self.is_initialised() {
            return Err(RunnerError::AlreadyInitialised { runner: name }.into());
        }
        let (batching, parameters) = {
            let settings = lock(&self.shared.settings);
            (settings.batching.clone(), settings.parameters.clone())
        };
        let methods = if methods.is_empty() { vec![Signature::predict().name().to_owned()] } else { methods };
        let (remote, queue) = RemoteQueue::new(name.clone(), parameters);
        serve(queue)?;
        self.shared.core.store(Some(Arc::new(Core::remote(name, remote, methods, batching))));
        Ok(())
    }

    /// Runs from now on, for all clones, what `other` runs: a newer version of a model, say. Requests that were accepted
    /// before are answered by what they were made to, which is released after the last of them. Observers stay; counts begin
    /// anew.
    ///
    /// # Errors
    /// [`NotInitialised`](RunnerError::NotInitialised) of either.
    pub fn replace_with(&self, other: &Self) -> Result<(), RunnerError> {
        let _alone = lock(&self.shared.initialising);
        let before = self.core()?;
        let after = other.core()?;
        after.observers.take_over(&before.observers);
        self.shared.core.store(Some(after));
        Ok(())
    }

    /// Computes the runnable's own samples and waits for them, so that the first request finds everything in place. A remote
    /// runner has none.
    ///
    /// # Errors
    /// [`Item`](RunnerError::Item): it can't compute. [`NotInitialised`](RunnerError::NotInitialised), and
    /// [`BlockingInAsync`](RunnerError::BlockingInAsync) in an async task.
    pub fn warm_up(&self) -> Result<(), RunnerError> {
        let core = self.core()?;
        if runtime::polls_tasks() {
            return Err(RunnerError::BlockingInAsync { runner: core.name.clone(), call: "warm_up" });
        }
        core.warm_up()
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
        self.shared.core.load().is_some()
    }

    pub(crate) fn core(&self) -> Result<Arc<Core<R>>, RunnerError> {
        let core = self.shared.core.load_full();
        core.ok_or_else(|| RunnerError::NotInitialised { runner: self.shared.name.clone() })
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
        match core.methods.iter().position(|method| method == name) {
            Some(index) => Ok(Method::new(core, index)),
            None => Err(unknown(&core, name)),
        }
    }

    /// The default method, for requests with these options.
    ///
    /// # Errors
    /// As [`run`](Self::run) without a call: [`NotInitialised`](RunnerError::NotInitialised), or
    /// [`UnknownMethod`](RunnerError::UnknownMethod) with several methods and no `__call__`.
    pub fn with(&self, options: RequestOptions) -> Result<Method<R>, RunnerError> {
        Ok(self.default_method()?.with(options))
    }

    /// The method that the runner's own calls go to: the only one, or `__call__`.
    pub(crate) fn default_method(&self) -> Result<Method<R>, RunnerError> {
        let core = self.core()?;
        let index = match core.methods.len() {
            1 => Some(0),
            _ => core.methods.iter().position(|method| method == Signature::CALL),
        };
        match index {
            Some(index) => Ok(Method::new(core, index)),
            None => Err(unknown(&core, Signature::CALL)),
        }
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
        self.default_method()?.run(input)
    }

    /// As [`run`](Self::run), but refused when the queue is full.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`QueueFull`](RunnerError::QueueFull).
    pub fn try_run(&self, input: impl Into<R::Input>) -> Result<R::Output, RunnerError> {
        self.default_method()?.try_run(input)
    }

    /// Computes many items, on all idle compute permits, and waits for them: one result each, in order.
    ///
    /// # Errors
    /// As [`run`](Self::run); those of single items are in their place.
    pub fn run_batch(
        &self, inputs: Vec<impl Into<R::Input>>,
    ) -> Result<Vec<Result<R::Output, RunnerError>>, RunnerError> {
        self.default_method()?.run_batch(inputs)
    }

    /// Computes one item; on any async runtime. The item is prepared by the task that polls, and not computed if the
    /// future is dropped before its turn. A [timeout](Batching::timeout) is noticed when the request's turn comes.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn async_run(
        &self, input: impl Into<R::Input>,
    ) -> impl Future<Output = Result<R::Output, RunnerError>> + Send + 'static {
        let (method, input) = (self.default_method(), input.into());
        async move { method?.answer(input, false).await }
    }

    /// As [`async_run`](Self::async_run), but refused when the queue is full.
    ///
    /// # Errors
    /// As [`async_run`](Self::async_run), and [`QueueFull`](RunnerError::QueueFull).
    pub fn try_async_run(
        &self, input: impl Into<R::Input>,
    ) -> impl Future<Output = Result<R::Output, RunnerError>> + Send + 'static {
        let (method, input) = (self.default_method(), input.into());
        async move { method?.answer(input, true).await }
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
            Ok(method) => method.submit(input, on_done),
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
            Ok(method) => method.submit_batch(inputs, on_done),
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
            Ok(method) => method.submit_each(inputs, on_each),
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
        match &*self.shared.core.load() {
            Some(core) => core.batching.max_batch_size,
            None => lock(&self.shared.settings).batching.max_batch_size,
        }
    }

    /// What it has done since it was loaded, for all who share it; nothing yet before.
    #[must_use]
    pub fn stats(&self) -> RunnerStats {
        match &*self.shared.core.load() {
            Some(core) => RunnerStats {
                truncated: core.runnable().map_or(0, |runnable| runnable.truncated()),
                ..core.counters.snapshot(core.queue.len())
            },
            None => RunnerStats::default(),
        }
    }
}

fn unknown<R: Runnable>(core: &Core<R>, method: &str) -> RunnerError {
    RunnerError::UnknownMethod { runner: core.name.clone(), method: method.to_owned(), methods: core.methods.clone() }
}
