//! Windows: the suite on every kind, and a reference that is written for clarity.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a failure is a failed test")]

mod lateness;
mod mistakes;
mod program;
mod random_programs;
mod reference;
mod suites;
