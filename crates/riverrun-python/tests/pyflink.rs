//! Runs the tests of the Python package inside Apache Flink, which are in `python/tests/flink`.

// Helpers of tests are tests, too.
#![allow(clippy::expect_used)]

mod python;

#[test]
fn the_python_package_works_inside_flink() {
    python::pytest("pyflink", &["python/tests/flink"]);
}
