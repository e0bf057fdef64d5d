//! One bounded queue per runner, first in, first out within a priority, and what turns it into batches.

mod arrivals;
mod batching;
mod compose;
mod computing;
mod execute;
mod item;
mod lanes;
mod queue;
mod reply;
mod slot;

pub use batching::Batching;
pub use compose::BatchCut;

pub(crate) use arrivals::Arrivals;
pub(crate) use compose::{Filling, alike};
pub(crate) use computing::Computing;
pub(crate) use execute::{execute, execute_one, guarded, message};
pub(crate) use item::{Item, Work};
pub(crate) use queue::{Queue, Taken, WhenRoom};
pub(crate) use reply::{Group, OnEach, Reply};
pub(crate) use slot::{Slot, Waited};
