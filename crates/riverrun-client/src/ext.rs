//! [`ClientExt`]: binds a runner to a service.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use riverrun_runner::wire::Portable;
use riverrun_runner::{Runner, RunnerError};

use crate::caller::Caller;
use crate::client::Client;
use crate::dispatcher::dispatch;
use crate::error::ClientError;
use crate::options::ClientOptions;
use crate::process::{Place, ProcessOptions, Supervision};
use crate::runtime;

/// How often a process that starts is asked whether it is ready.
const LOOK: Duration = Duration::from_millis(50);

mod sealed {
    pub trait Sealed {}
    impl<R: riverrun_runner::wire::Portable> Sealed for riverrun_runner::Runner<R> {}
}

/// Binds a [`Runner`] to a service that computes its batches.
///
/// The runner is called as before: `run`, `run_batch`, `async_run`. Its queue, limits, priorities and deadlines are its own;
/// batches fill while the service is busy and are sent as soon as it can take one.
///
/// ```no_run
/// # use riverrun_runner::{Runner, wire::Portable};
/// use riverrun_client::ClientExt;
///
/// # fn f<R: Portable>(runner: Runner<R>) -> Result<(), riverrun_client::ClientError> {
/// let client = runner.init_client(["http://one:3000", "http://two:3000"])?;
/// println!("{:?}", client.info().protocol);
/// # Ok(())
/// # }
/// ```
pub trait ClientExt: sealed::Sealed {
    /// Binds it to the service at one URL or several, for all clones. The protocol is found out by asking the service.
    ///
    /// Blocks until an endpoint has answered, for a few connection timeouts (3 s) at most. In an async task use
    /// [`async_init_client`](Self::async_init_client), at least where the service runs in the same process.
    ///
    /// # Errors
    /// [`Unreachable`](ClientError::Unreachable): no endpoint answers (see [`ClientOptions::lazy`]).
    /// [`Negotiation`](ClientError::Negotiation): it is not clear what to call there. Any other of [`ClientError`]: a URL or an
    /// option can't be used, or the runner is bound already. After an error it may be called again.
    fn init_client(&self, service: impl Into<ClientOptions>) -> Result<Client, ClientError>;

    /// As [`init_client`](Self::init_client), with [`ClientOptions`].
    ///
    /// # Errors
    /// The same.
    fn init_client_with(&self, options: ClientOptions) -> Result<Client, ClientError> {
        self.init_client(options)
    }

    /// As [`init_client`](Self::init_client), without blocking a thread.
    ///
    /// # Errors
    /// The same.
    fn async_init_client(
        &self, service: impl Into<ClientOptions>,
    ) -> impl Future<Output = Result<Client, ClientError>> + Send;

    /// Binds it to a process of its own, `riverrun serve` of the tag that is the runner's name, for all clones: see
    /// [`init_process_with`](Self::init_process_with).
    ///
    /// # Errors
    /// The same.
    fn init_process(&self) -> Result<Client, ClientError>;

    /// Binds it to a process of its own on this machine, for all clones. Programs that ask for the same one share it; it is
    /// started by the first, started again whenever it dies, and ends after the last.
    ///
    /// Blocks until the process is ready. What is under way when it dies is sent again to its successor. The program that started
    /// it also ends it, and starts it again, when it has not answered its health check for some 20 s.
    ///
    /// ```no_run
    /// # use riverrun_runner::{Runner, wire::Portable};
    /// use riverrun_client::ClientExt;
    ///
    /// # fn f<R: Portable>(runner: Runner<R>) -> Result<(), riverrun_client::ClientError> {
    /// runner.init_process_with("text-classification")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Process`](ClientError::Process): it can't be started, or dies again and again; [`ProcessStart`](ClientError::ProcessStart):
    /// it is not ready in time; [`Socket`](ClientError::Socket): its directory can't be used. Otherwise as
    /// [`init_client`](Self::init_client).
    fn init_process_with(&self, process: impl Into<ProcessOptions>) -> Result<Client, ClientError>;

    /// As [`init_process_with`](Self::init_process_with), without blocking a thread.
    ///
    /// # Errors
    /// The same.
    fn async_init_process(
        &self, process: impl Into<ProcessOptions>,
    ) -> impl Future<Output = Result<Client, ClientError>> + Send;
}

impl<R: Portable> ClientExt for Runner<R> {
    fn init_client(&self, service: impl Into<ClientOptions>) -> Result<Client, ClientError> {
        let (runner, options) = (self.clone(), service.into());
        blocking(async move { bind(&runner, options).await })
    }

    fn async_init_client(
        &self, service: impl Into<ClientOptions>,
    ) -> impl Future<Output = Result<Client, ClientError>> + Send {
        let (runner, options) = (self.clone(), service.into());
        async move {
            let bound = runtime::handle()?.spawn(async move { bind(&runner, options).await });
            bound.await.map_err(|_| stopped())?
        }
    }

    fn init_process(&self) -> Result<Client, ClientError> {
        self.init_process_with(self.name())
    }

    fn init_process_with(&self, process: impl Into<ProcessOptions>) -> Result<Client, ClientError> {
        let (runner, options) = (self.clone(), process.into());
        blocking(async move { bind_process(&runner, options).await })
    }

    fn async_init_process(
        &self, process: impl Into<ProcessOptions>,
    ) -> impl Future<Output = Result<Client, ClientError>> + Send {
        let (runner, options) = (self.clone(), process.into());
        async move {
            let bound = runtime::handle()?.spawn(async move { bind_process(&runner, options).await });
            bound.await.map_err(|_| stopped())?
        }
    }
}

/// Waits for what is done on the runtime of remote runners; also where the calling thread belongs to another.
fn blocking(
    binding: impl Future<Output = Result<Client, ClientError>> + Send + 'static,
) -> Result<Client, ClientError> {
    let (done, told) = mpsc::channel();
    runtime::handle()?.spawn(async move {
        // Nobody listens any more: then it does not matter.
        let _ = done.send(binding.await);
    });
    told.recv().map_err(|_| stopped())?
}

async fn bind<R: Portable>(runner: &Runner<R>, options: ClientOptions) -> Result<Client, ClientError> {
    unbound(runner)?;
    let caller = Arc::new(Caller::new(runner.name(), options)?);
    if !caller.options.lazy {
        caller.protocol().await?;
    }
    start(runner, caller)
}

async fn bind_process<R: Portable>(runner: &Runner<R>, options: ProcessOptions) -> Result<Client, ClientError> {
    unbound(runner)?;
    let place = Place::open(runner.name(), &options)?;
    let caller = Caller::new(runner.name(), Supervision::client(&place, &options))?;
    let supervision = Supervision::begin(&runtime::handle()?, runner.name(), &place, &options)?;
    let caller = Arc::new(caller.of_process(place, supervision));
    ready(&caller, options.start_timeout).await?;
    start(runner, caller)
}

/// Waits until the process is ready.
async fn ready<R: Portable>(caller: &Caller<R>, within: Duration) -> Result<(), ClientError> {
    let began = Instant::now();
    loop {
        let reason = match caller.protocol().await {
            Ok(_) => match caller.unready().await {
                None => return Ok(()),
                Some(reason) => reason,
            },
            Err(ClientError::Unreachable { attempts, .. }) => {
                attempts.into_iter().map(|(_, reason)| reason).next().unwrap_or_default()
            }
            Err(error) => return Err(error),
        };
        let runner = || caller.shared.name.clone();
        if let Some(reason) = caller.hopeless() {
            return Err(ClientError::Process { runner: runner(), reason });
        }
        if began.elapsed() >= within {
            return Err(ClientError::ProcessStart { runner: runner(), waited: within, reason });
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn stopped() -> ClientError {
    ClientError::Runtime { reason: "the task that asked the service has stopped".to_owned() }
}

fn unbound<R: Portable>(runner: &Runner<R>) -> Result<(), ClientError> {
    if runner.is_initialised() {
        return Err(RunnerError::AlreadyInitialised { runner: runner.name().into() }.into());
    }
    Ok(())
}

/// Lets the dispatcher take batches from the runner's queue.
fn start<R: Portable>(runner: &Runner<R>, caller: Arc<Caller<R>>) -> Result<Client, ClientError> {
    let client = Client { shared: caller.shared.clone() };
    let methods = caller.shared.negotiated.get().map(|negotiated| negotiated.methods.clone()).unwrap_or_default();
    let runtime = runtime::handle()?;
    runner.init_remote(methods, |queue| {
        // Set once: the caller is new.
        let _ = caller.parameters.set(queue.parameters().clone());
        runtime.spawn(dispatch(caller, queue));
        Ok::<(), ClientError>(())
    })?;
    Ok(client)
}
