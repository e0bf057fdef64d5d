//! Runs the tests of the Python package, which are in `python/tests`.

// Helpers of tests are tests, too.
#![allow(clippy::expect_used)]

mod python;

#[test]
fn the_python_package_passes_its_tests() {
    python::pytest("python", &[]);
}
