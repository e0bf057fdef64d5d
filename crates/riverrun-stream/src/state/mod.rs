//! Keyed state.
mod keyed_snapshot;
pub use keyed_snapshot::{FrozenPart, KeyedSnapshot};
