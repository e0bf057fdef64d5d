//! Runs pytest with the extension that was built beside these tests.

use std::path::{Path, PathBuf};
use std::process::Command;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory that cargo builds into: this test is in `deps` below it.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    test.ancestors().nth(2).expect("tests are in target/PROFILE/deps").to_path_buf()
}

/// Runs the tests of a directory, or of all, in one of the environments that `cargo xtask test` installs.
pub(crate) fn pytest(environment: &str, arguments: &[&str]) {
    let python = here().join("../../target/test-envs").join(environment).join("bin/python");
    assert!(python.is_file(), "{} is not there; `cargo xtask test` installs it", python.display());
    let library = built().join("deps").join(format!("lib_native{}", std::env::consts::DLL_SUFFIX));
    let place = here().join("python/riverrun/_native.abi3.so");
    // Moved into place, since a Python may be running with the one before.
    let staged = place.with_extension("new");
    std::fs::copy(&library, &staged).expect("the extension is built before its tests");
    std::fs::rename(&staged, &place).expect("the package's directory can be written");

    let status = Command::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .args(arguments)
        .current_dir(here())
        .env("PYTHONPATH", here().join("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("RIVERRUN_COMMAND", built().join("riverrun"))
        .status()
        .expect("the environment's Python starts");

    assert!(status.success(), "pytest ended with {status}; its output is above");
}
