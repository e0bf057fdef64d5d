//! [`ClientExt`]: binds a runner to a service.

use std::sync::{Arc, mpsc};

use riverrun_runner::wire::Portable;
use riverrun_runner::{Runner, RunnerError};

use crate::caller::Caller;
use crate::client::Client;
use crate::dispatcher::dispatch;
use crate::error::ClientError;
use crate::options::ClientOptions;
use crate::runtime;

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
}

impl<R: Portable> ClientExt for Runner<R> {
    fn init_client(&self, service: impl Into<ClientOptions>) -> Result<Client, ClientError> {
        let caller = prepare(self, service.into())?;
        if !caller.options.lazy {
            let (done, told) = mpsc::channel();
            let asking = caller.clone();
            runtime::handle()?.spawn(async move {
                // Nobody listens any more: then it does not matter.
                let _ = done.send(asking.protocol().await.map(drop));
            });
            told.recv().map_err(|_| stopped())??;
        }
        start(self, caller)
    }

    fn async_init_client(
        &self, service: impl Into<ClientOptions>,
    ) -> impl Future<Output = Result<Client, ClientError>> + Send {
        let (runner, options) = (self.clone(), service.into());
        async move {
            let caller = prepare(&runner, options)?;
            if !caller.options.lazy {
                let asking = caller.clone();
                let asked = runtime::handle()?.spawn(async move { asking.protocol().await.map(drop) });
                asked.await.map_err(|_| stopped())??;
            }
            start(&runner, caller)
        }
    }
}

fn stopped() -> ClientError {
    ClientError::Runtime { reason: "the task that asked the service has stopped".to_owned() }
}

fn prepare<R: Portable>(runner: &Runner<R>, options: ClientOptions) -> Result<Arc<Caller<R>>, ClientError> {
    if runner.is_initialised() {
        return Err(RunnerError::AlreadyInitialised { runner: runner.name().into() }.into());
    }
    Ok(Arc::new(Caller::new(runner.name(), options)?))
}

/// Lets the dispatcher take batches from the runner's queue.
pub(crate) fn start<R: Portable>(runner: &Runner<R>, caller: Arc<Caller<R>>) -> Result<Client, ClientError> {
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
