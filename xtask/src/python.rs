//! The Python package: its extension in place, and what is published.

use std::fs;

use crate::command::{cargo, root, run};

/// What builds wheels.
const MATURIN: &str = "maturin==1.16.0";

/// Builds the extension and puts it where the package's sources are, for work on them.
pub(crate) fn build() -> Result<(), String> {
    cargo(&["build", "--package", "riverrun-python", "--locked"], &[])?;
    let library = root().join("target/debug").join(format!(
        "{}_native{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ));
    let place = root().join("crates/riverrun-python/python/riverrun/_native.abi3.so");
    // Moved into place, since a Python may be running with the one before.
    let staged = place.with_extension("new");
    fs::copy(&library, &staged)
        .and_then(|_| fs::rename(&staged, &place))
        .map_err(|error| format!("cannot put {} to {}: {error}", library.display(), place.display()))
}

/// Builds the wheel and the source distribution into `target/wheels`.
pub(crate) fn wheel() -> Result<(), String> {
    let environment = "target/envs/maturin";
    let python = format!("{environment}/bin/python");
    run("python3", &["-m", "venv", environment], &[])?;
    run(&python, &["-m", "pip", "install", "--quiet", MATURIN], &[])?;
    let manifest = "crates/riverrun-python/Cargo.toml";
    let arguments = ["-m", "maturin", "build", "--release", "--locked", "--sdist", "--manifest-path", manifest];
    run(&python, &[&arguments[..], &["--out", "target/wheels"]].concat(), &[])
}
