//! What the concurrent parts of this crate synchronise with, in one place: the model checker compiles them with its own.

pub(crate) use std::sync::{Arc, Mutex, PoisonError};
