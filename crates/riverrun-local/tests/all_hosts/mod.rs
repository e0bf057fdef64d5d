//! A program on each driver of the local host.
#![allow(dead_code, reason = "not every file of tests uses all of it")]

use std::sync::Arc;

use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::{Host, StreamExecutionEnvironment};

fn hosts() -> Vec<Arc<dyn Host>> {
    vec![Arc::new(LocalHost::new()), Arc::new(SimulatedHost::new(1)), Arc::new(SimulatedHost::new(2))]
}

/// Builds and runs a program on each host.
pub(crate) fn on_all_hosts(program: impl Fn(StreamExecutionEnvironment)) {
    for host in hosts() {
        program(StreamExecutionEnvironment::new(host));
    }
}

pub(crate) fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}
