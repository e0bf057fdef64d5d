//! Services as tests need them: right, wrong, slow and broken, and a runner for them.
#![allow(dead_code, unused_imports, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

mod labels;
mod server;

pub use labels::{Label, Labels, computing_runner, label, riverrun_service, runner, wire_answer};
pub use server::{Answer, Seen, Server};
