//! Keyed state and operator state.
//!
//! A function asks for its states in `open`, by a descriptor that names them, and gets handles. A handle of **keyed state**
//! (value, list, map, reducing, aggregating) is used with the context of the call, which knows the current key:
//!
//! ```
//! use riverrun_stream::functions::{Collector, KeyedProcessContext, KeyedProcessFunction};
//! use riverrun_stream::state::{ValueState, ValueStateDescriptor};
//! use riverrun_stream::{Result, RuntimeContext};
//!
//! #[derive(Clone, Default)]
//! struct Number {
//!     seen: ValueState<u64>,
//! }
//!
//! impl KeyedProcessFunction<String, String> for Number {
//!     type Out = (String, u64);
//!
//!     fn open(&mut self, context: &RuntimeContext) -> Result {
//!         self.seen = context.get_state(&ValueStateDescriptor::new("seen"))?;
//!         Ok(())
//!     }
//!
//!     fn process_element(
//!         &mut self, word: String, context: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, Self::Out>,
//!     ) -> Result {
//!         let seen = self.seen.value(context)?.copied().unwrap_or(0) + 1;
//!         self.seen.update(context, seen)?;
//!         out.collect((word, seen));
//!         Ok(())
//!     }
//! }
//! ```
//!
//! **Operator state** ([`OperatorStateStore`]) belongs to the subtask and needs no key.
//!
//! What is stored is self-describing and versioned: MessagePack with field names, so a field that is added with a serde
//! default reads older state. State that a restored program does not ask for is kept, and written again.

mod aggregating;
mod backend;
mod broadcast;
mod content;
mod descriptor;
mod handles;
mod keyed_snapshot;
mod operator_state;
mod tables;
mod ttl;

pub use aggregating::{AggregatingState, AggregatingStateDescriptor};
pub use backend::{HeapBackend, KeyedStateBackend};
pub(crate) use broadcast::BroadcastStates;
pub use broadcast::{BroadcastState, BroadcastStateDescriptor};
pub use descriptor::{ListStateDescriptor, MapStateDescriptor, ReducingStateDescriptor, ValueStateDescriptor};
pub use handles::{KeyedContext, ListState, MapState, ReducingState, ValueState};
pub use keyed_snapshot::{FrozenPart, KeyedSnapshot};
pub use operator_state::{OperatorListState, OperatorStateStore};
pub use tables::{StateRegistrar, StateTables};
pub use ttl::{StateTtlConfig, StateVisibility, UpdateType};
