//! Makes the gRPC service of its definition in `proto/`, without a compiler of the machine.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let definitions = protox::compile(["proto/open_inference.proto"], ["proto"])?;
    // The client is for the tests.
    tonic_prost_build::configure().build_transport(false).compile_fds(definitions)?;
    println!("cargo::rerun-if-changed=proto");
    Ok(())
}
