//! What surrounds every route: see [`crate::service`] for the order.

mod access;
mod bearer;
mod cors;
mod faults;

pub(crate) use access::access;
pub(crate) use bearer::{Tokens, bearer};
pub(crate) use cors::cors;
pub(crate) use faults::faults;
