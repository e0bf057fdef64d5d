//! A whole program beside the bare runner.
fn main() {}
