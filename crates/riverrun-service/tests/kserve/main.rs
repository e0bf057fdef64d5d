//! The Open Inference Protocol, as its clients speak it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of it is tests")]

mod fixture;
mod fuzz;
mod grpc;
mod http_binary;
mod http_json;
mod overload;

/// The same definition that the service is made of, for its client.
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, dead_code, reason = "generated")]
mod proto {
    tonic::include_proto!("inference");
}
