//! Operators that wait for work elsewhere without holding up the stream.
//!
//! What has been taken and not emitted stands in an [`InFlightQueue`], as inputs: a snapshot neither waits for a call nor
//! keeps a result, and a restore calls again. Results come back through an [`Inbox`](crate::operator::Inbox); timeouts,
//! delays before a retry and batches that wait to be filled share the operator's one alarm.

mod alarms;
mod batch_operator;
mod call;
mod operator;
mod queue;
mod settings;

use std::sync::Arc;

use crate::context::RuntimeContext;
use crate::error::{FunctionError, Result};
use crate::operator::{SpawnedFuture, SpawnedTask, Spawner};

pub use batch_operator::{AsyncBatchOperator, BatchLimits};
pub use operator::AsyncWaitOperator;
pub use queue::{Emission, InFlightQueue, Marker, OutputMode, Ticket};
pub use settings::AsyncSettings;

/// What an operator has before it is opened.
struct NoSpawner;

impl Spawner for NoSpawner {
    fn spawn(&self, _: SpawnedFuture) -> Result<Box<dyn SpawnedTask>> {
        Err(FunctionError::internal("an async operator was used before it was opened"))
    }
}

fn spawner_of(context: &RuntimeContext) -> Result<Arc<dyn Spawner>> {
    context.spawner.clone().ok_or_else(|| {
        FunctionError::new("this host runs no futures; run the async operator on one that supplies a `Spawner`")
    })
}

/// Opens a function where it can make what needs the host's timers and sockets.
fn open_within(spawner: &dyn Spawner, open: impl FnOnce() -> Result) -> Result {
    let mut open = Some(open);
    let mut outcome = Ok(());
    spawner.enter(&mut || outcome = open.take().map_or(Ok(()), |open| open()))?;
    outcome
}
