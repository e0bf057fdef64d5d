//! The service as its clients meet it.

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
