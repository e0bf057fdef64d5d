//! Re-records what the tests compare with peers.

use crate::command::run;

/// Makes the fixtures again with the peers themselves, in an environment of their own.
pub(crate) fn record() -> Result<(), String> {
    let environment = "target/peers/transformers";
    run("python3", &["-m", "venv", environment], &[])?;
    let python = format!("{environment}/bin/python");
    run(
        &python,
        &["-m", "pip", "install", "--quiet", "-r", "crates/riverrun-inference/tests/fixtures/requirements.txt"],
        &[],
    )?;
    run(&python, &["crates/riverrun-inference/tests/fixtures/make_fixtures.py"], &[])
}
