//! Re-records what the tests compare with peers.

use crate::command::run;

/// What each peer needs, and the script that records it, with its arguments.
const RECORDS: [(&str, &str, &[&str]); 9] = [
    (
        "transformers",
        "crates/riverrun-inference/tests/fixtures/requirements.txt",
        &["crates/riverrun-inference/tests/fixtures/make_fixtures.py"],
    ),
    (
        "transformers",
        "crates/riverrun-inference/tests/fixtures/requirements.txt",
        &["crates/riverrun-inference/tests/fixtures/make_architectures.py"],
    ),
    (
        "transformers",
        "crates/riverrun-inference/tests/fixtures/requirements.txt",
        &["crates/riverrun-python/python/tests/peers/record.py"],
    ),
    (
        "transformers-tasks",
        "crates/riverrun-inference/tests/fixtures/requirements-tasks.txt",
        &["crates/riverrun-inference/tests/fixtures/make_tasks.py"],
    ),
    // ModernBERT came later than the version that all else is compared with.
    (
        "transformers-modern",
        "crates/riverrun-inference/tests/fixtures/requirements-modern.txt",
        &["crates/riverrun-inference/tests/fixtures/make_architectures.py", "modern"],
    ),
    (
        "onnxruntime",
        "crates/riverrun-onnx/tests/fixtures/requirements.txt",
        &["crates/riverrun-onnx/tests/fixtures/make_fixtures.py"],
    ),
    (
        "trees",
        "crates/riverrun-tabular/tests/fixtures/requirements.txt",
        &["crates/riverrun-tabular/tests/fixtures/make_fixtures.py"],
    ),
    (
        "hashes",
        "crates/riverrun-stream/tests/golden/requirements.txt",
        &["crates/riverrun-stream/tests/golden/make_key_groups.py"],
    ),
    ("flink", "crates/riverrun-local/tests/flink/requirements.txt", &["crates/riverrun-local/tests/flink/record.py"]),
];

/// Makes the records again with the peers themselves, each in an environment of its own.
pub(crate) fn record() -> Result<(), String> {
    for (name, requirements, script) in RECORDS {
        let environment = format!("target/peers/{name}");
        run("python3", &["-m", "venv", &environment], &[])?;
        let python = format!("{environment}/bin/python");
        run(&python, &["-m", "pip", "install", "--quiet", "-r", requirements], &[])?;
        run(&python, script, &[])?;
    }
    Ok(())
}
