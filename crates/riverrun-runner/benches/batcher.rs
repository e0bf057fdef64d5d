//! What a runner adds to the computation.

fn main() {}
