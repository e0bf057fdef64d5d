//! Where the futures of async operators run when a job is simulated: on the driver's thread, in an order that it draws.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake};
use std::time::Duration;

use riverrun_stream::Result;
use riverrun_stream::operator::{SpawnedFuture, SpawnedTask, Spawner};

use crate::executor::runtime;
use crate::waker::Waker;

/// The futures of one simulated job. What they wait for outside of the simulation, a timer or a socket, is real.
#[derive(Clone, Default)]
pub(crate) struct SimulatedFutures(Arc<Futures>);

#[derive(Default)]
struct Futures {
    calls: Mutex<Calls>,
    bell: Waker,
}

#[derive(Default)]
struct Calls {
    next: u64,
    /// Nothing stands for a future while it is polled.
    futures: BTreeMap<u64, Option<SpawnedFuture>>,
    ready: BTreeSet<u64>,
}

impl Futures {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SimulatedFutures {
    /// How many futures can be polled.
    pub(crate) fn ready(&self) -> usize {
        self.0.calls().ready.len()
    }

    /// Polls one of those that can be.
    pub(crate) fn poll(&self, chosen: usize) -> Result {
        let mut calls = self.0.calls();
        let Some(&id) = calls.ready.iter().nth(chosen) else { return Ok(()) };
        calls.ready.remove(&id);
        let Some(mut future) = calls.futures.get_mut(&id).and_then(Option::take) else { return Ok(()) };
        drop(calls);

        let waker = Arc::new(Wakes { futures: self.0.clone(), id }).into();
        let within = runtime()?.enter();
        let is_done = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        drop(within);

        let mut calls = self.0.calls();
        if is_done {
            calls.futures.remove(&id);
        } else if let Some(place) = calls.futures.get_mut(&id) {
            *place = Some(future);
        }
        Ok(())
    }

    /// Waits until a future can be polled, for at most this long. False where none is left that could be.
    pub(crate) fn wait(&self, at_most: Option<Duration>) -> bool {
        if self.0.calls().futures.is_empty() {
            return false;
        }
        self.0.bell.wait(at_most);
        true
    }
}

impl Spawner for SimulatedFutures {
    fn spawn(&self, future: SpawnedFuture) -> Result<Box<dyn SpawnedTask>> {
        let mut calls = self.0.calls();
        let id = calls.next;
        calls.next += 1;
        calls.futures.insert(id, Some(future));
        calls.ready.insert(id);
        Ok(Box::new(Call(Wakes { futures: self.0.clone(), id })))
    }

    fn enter(&self, call: &mut dyn FnMut()) -> Result {
        let _within = runtime()?.enter();
        call();
        Ok(())
    }
}

/// Wakes one future.
struct Wakes {
    futures: Arc<Futures>,
    id: u64,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        let mut calls = self.futures.calls();
        if calls.futures.contains_key(&self.id) {
            calls.ready.insert(self.id);
        }
        drop(calls);
        self.futures.bell.wake();
    }
}

/// Given up when it is dropped.
struct Call(Wakes);

impl SpawnedTask for Call {}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = self.0.futures.calls();
        calls.ready.remove(&self.0.id);
        let future = calls.futures.remove(&self.0.id);
        // What is dropped with a future may wake others.
        drop(calls);
        drop(future);
    }
}
