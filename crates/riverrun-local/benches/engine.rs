//! What the engine costs per record.
fn main() {}
