//! What must pass before a change lands, and the benchmarks.

use crate::command::cargo;
use crate::environments;

/// Format, lints, documentation and tests.
pub(crate) fn everything() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[])?;
    tests()?;
    cargo(&["doc", "--workspace", "--no-deps", "--locked"], &[("RUSTDOCFLAGS", "-D warnings")])
}

/// The tests, with the doc examples, and what they talk to.
pub(crate) fn tests() -> Result<(), String> {
    environments::install()?;
    let onnxruntime = environments::onnxruntime()?;
    cargo(&["test", "--workspace", "--no-fail-fast", "--locked"], &[("ORT_DYLIB_PATH", &onnxruntime)])
}

/// The benchmarks, on the lines of a file or on generated texts.
pub(crate) fn benchmarks(texts: Option<&str>) -> Result<(), String> {
    let environment: Vec<(&str, &str)> = texts.map(|texts| ("RIVERRUN_BENCH_TEXTS", texts)).into_iter().collect();
    cargo(&["bench", "--workspace", "--benches", "--locked"], &environment)
}
