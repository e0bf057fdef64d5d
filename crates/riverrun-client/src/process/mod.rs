//! A runner as a process of its own, on the same machine.
//!
//! The process is a service on a Unix socket. Programs that ask for the same one share it: whoever holds the `supervisor` lock
//! starts it and starts it again, everybody stays connected to it, and it ends once nobody is.

mod command;
mod failure;
mod options;
mod place;
mod supervise;

pub use options::ProcessOptions;
pub(crate) use place::Place;
pub(crate) use supervise::Supervision;
