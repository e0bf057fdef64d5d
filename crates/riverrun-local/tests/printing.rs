//! `print`, as a process shows it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

use std::process::Command;
use std::sync::Arc;

use riverrun_local::SimulatedHost;
use riverrun_stream::StreamExecutionEnvironment;

/// What the process below runs: it is this test binary, asked for by name.
#[test]
#[ignore = "run by the test that reads its output"]
fn printing_program() {
    let env = StreamExecutionEnvironment::new(Arc::new(SimulatedHost::new(1)));
    env.set_parallelism(2);
    env.from_collection(["a".to_string(), "b".into()]).rebalance().print_with("words");
    env.set_parallelism(1);
    env.from_collection([(1, "one".to_string())]).print();
    env.execute().unwrap();
}

#[test]
fn print_writes_one_line_per_record_with_its_prefix() {
    let program = std::env::current_exe().unwrap();

    let output = Command::new(program)
        .args(["--ignored", "--exact", "--nocapture", "--test-threads=1", "printing_program"])
        .output()
        .unwrap();

    let text = String::from_utf8(output.stdout).unwrap();
    for line in ["words:1> a", "words:2> b", "[1,\"one\"]"] {
        assert!(text.lines().any(|printed| printed.ends_with(line)), "{line} is not in\n{text}");
    }
}
