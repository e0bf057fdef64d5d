//! What a service shows of itself: metrics, the prediction log, traces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of it is tests")]

#[cfg(feature = "otlp")]
mod collector;
mod exposition;
#[path = "../service/fixture.rs"]
#[allow(dead_code, reason = "another test's")]
mod fixture;
#[path = "../service/http_client.rs"]
#[allow(dead_code, reason = "another test's")]
mod http_client;
mod metrics;
mod prediction_log;
#[cfg(feature = "otlp")]
mod traces;
#[cfg(not(feature = "otlp"))]
mod without_traces;
