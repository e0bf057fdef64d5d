//! The service as its clients meet it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of it is tests")]

mod access_log;
mod bad_input;
mod binary;
mod connections;
mod contract;
mod documentation;
mod drain;
mod endpoints;
mod fixture;
mod fuzz;
mod hot_change;
mod http_client;
mod models;
mod options;
mod overload;
mod streams;
