//! Where the futures of async operators run: one Tokio runtime for the whole process.

use std::mem::replace;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use riverrun_stream::operator::{SpawnedFuture, SpawnedTask, Spawner};
use riverrun_stream::{FunctionError, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// Runs the futures of one operator on the process's runtime, which the first of all starts, with as many threads as there
/// are cores.
///
/// What an operator spawns in one turn is handed over in one piece at its end. One by one, each future would wake a thread of
/// the runtime from outside, and a thousand of them cost more than what they wait for.
#[derive(Default)]
pub(crate) struct SharedRuntime {
    turn: Mutex<Turn>,
}

#[derive(Default)]
struct Turn {
    entered: bool,
    spawned: Vec<Arc<Slot>>,
}

impl SharedRuntime {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spawner for SharedRuntime {
    fn spawn(&self, future: SpawnedFuture) -> Result<Box<dyn SpawnedTask>> {
        let slot = Arc::new(Slot(Mutex::new(State::New(future))));
        let mut turn = self.turn();
        if turn.entered {
            turn.spawned.push(slot.clone());
        } else {
            slot.start(runtime()?);
        }
        Ok(Box::new(Task(slot)))
    }

    fn enter(&self, call: &mut dyn FnMut()) -> Result {
        let runtime = runtime()?;
        let _within = runtime.enter();
        self.turn().entered = true;
        // Also when the call panics.
        let _handing_over = HandOver(self, runtime);
        call();
        Ok(())
    }
}

struct HandOver<'a>(&'a SharedRuntime, &'static Runtime);

impl Drop for HandOver<'_> {
    fn drop(&mut self) {
        let spawned = {
            let mut turn = self.0.turn();
            turn.entered = false;
            std::mem::take(&mut turn.spawned)
        };
        let runtime = self.1;
        match spawned.as_slice() {
            [] => {}
            [slot] => slot.start(runtime),
            _ => drop(runtime.spawn(async move { spawned.iter().for_each(|slot| slot.start(runtime)) })),
        }
    }
}

/// A future on its way to the runtime.
struct Slot(Mutex<State>);

enum State {
    New(SpawnedFuture),
    Started(AbortHandle),
    Dropped,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, runtime: &Runtime) {
        let mut state = self.state();
        if let State::New(future) = replace(&mut *state, State::Dropped) {
            *state = State::Started(runtime.spawn(future).abort_handle());
        }
    }
}

/// Aborted when it is dropped; of no effect where it is done.
struct Task(Arc<Slot>);

impl SpawnedTask for Task {}

impl Drop for Task {
    fn drop(&mut self) {
        let state = replace(&mut *self.0.state(), State::Dropped);
        if let State::Started(task) = state {
            task.abort();
        }
    }
}

pub(crate) fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let runtime =
        RUNTIME.get_or_init(|| Builder::new_multi_thread().thread_name("riverrun-async").enable_all().build());
    runtime.as_ref().map_err(|error| {
        FunctionError::external(format!(
            "no threads for async calls: {error}; raise the limit of threads of this process"
        ))
    })
}
