//! What a record may be: [`Data`].

use serde::{Serialize, de::DeserializeOwned};

/// A record type: anything that is `Clone + Send + 'static` and derives serde's two traits.
///
/// Records move between tasks as values; they are serialized only where they are persisted, in a self-describing form
/// (MessagePack with field names), or where another host carries them.
pub trait Data: Clone + Send + 'static + Serialize + DeserializeOwned {}

impl<T: Clone + Send + 'static + Serialize + DeserializeOwned> Data for T {}
