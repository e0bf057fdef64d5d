//! When a request is sent again: [`Backoff`] says how soon, [`Budget`] how often, [`retry_after`] what the service asked.

mod after;
mod backoff;
mod budget;

pub(crate) use after::retry_after;
pub(crate) use backoff::Backoff;
pub(crate) use budget::Budget;
