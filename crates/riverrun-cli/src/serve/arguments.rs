//! The arguments of `riverrun serve`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use riverrun::inference::{Precision, TopK};
use riverrun::model::InferenceTask;
use serde_json::Value;

use super::parse::{Routed, Shadowed, Weighted, address, seconds, share, size};
use crate::apply::{option, precision};
use crate::cli::{at_least_one, top_k};

#[derive(Debug, Args)]
#[command(after_help = "\
A TAG without a version follows `latest`: the service moves on when it does. Of
several versions of a model each takes the share of requests that `=WEIGHT` says.
SIGTERM or Ctrl-C: what was accepted is answered, then it ends. Exit codes: 0
ended as told, 1 failed, 2 wrong usage. All options: riverrun serve --help

Example:
  riverrun serve text-classification --route /classify --port 3000
  curl -H 'Content-Type: text/plain' -d 'What a lovely day' localhost:3000/classify")]
pub(crate) struct ServeArguments {
    /// `name`, `name:version`, several `name:version=WEIGHT`, or Python's `module:service`
    #[arg(required = true, value_name = "TAG")]
    pub(super) tags: Vec<Weighted>,
    /// Where a model answers [default: as its command, /classify say; of several /NAME]
    #[arg(long, value_name = "[NAME=]PATH")]
    pub(super) route: Vec<Routed>,
    /// The TCP port; 0 takes a free one [default: 3000]
    #[arg(short, long)]
    pub(super) port: Option<u16>,
    /// The address to listen on; 0.0.0.0 for all
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = address)]
    pub(super) host: IpAddr,
    /// Listen on a Unix socket, and on TCP only with --port
    #[arg(long, value_name = "PATH")]
    pub(super) unix_socket: Option<PathBuf>,
    /// Give the N best labels, or `all`
    #[arg(long, value_name = "N|all", value_parser = top_k)]
    pub(super) top_k: Option<TopK>,
    /// Compute in f32 (the default), bf16, int8-faithful or int8
    #[arg(long, value_parser = precision)]
    pub(super) precision: Option<Precision>,
    /// What the models do, where they can do other things than the store says
    #[arg(long, hide_short_help = true)]
    pub(super) task: Option<InferenceTask>,
    /// An option of the model's task, such as aggregation_strategy=simple
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option, hide_short_help = true)]
    pub(super) options: Vec<(String, Value)>,
    /// Have another version compute a share of the requests too, and compare
    #[arg(long, value_name = "TAG[=SHARE]", hide_short_help = true)]
    pub(super) shadow: Vec<Shadowed>,
    /// Compute on at most N cores [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(super) parallelism: Option<usize>,
    /// Serve TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// Let in only who has a bearer token of this file
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// Let pages of this origin call the service; `*` for all
    #[arg(long, value_name = "ORIGIN", hide_short_help = true)]
    pub(super) cors: Vec<String>,
    /// Write a JSON line for each request to standard error
    #[arg(long)]
    pub(super) access_log: bool,

    /// Requests of a model that may wait; what comes beyond gets 429
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true, help_heading = "Batching")]
    pub(super) max_queue: Option<usize>,
    /// The most texts of a batch
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true, help_heading = "Batching")]
    pub(super) max_batch_size: Option<usize>,
    /// The most tokens of a batch
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true, help_heading = "Batching")]
    pub(super) max_batch_cost: Option<usize>,
    /// The most milliseconds that a text waits for others to join its batch
    #[arg(long, value_name = "MS", hide_short_help = true, help_heading = "Batching")]
    pub(super) max_latency_ms: Option<u64>,
    /// How many results of a model are remembered for inputs that come again; of tensors and rows none are [default: 0]
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Batching")]
    pub(super) cache: Option<usize>,

    /// Bind each computing thread to a core
    #[arg(long, hide_short_help = true, help_heading = "Batching")]
    pub(super) pin: bool,

    /// Seconds that a request may take; then 504
    #[arg(long, value_name = "S", value_parser = seconds, hide_short_help = true, help_heading = "Limits")]
    pub(super) timeout: Option<Duration>,
    /// The largest body, such as 10MiB; beyond it 413
    #[arg(long, value_name = "SIZE", value_parser = size, hide_short_help = true, help_heading = "Limits")]
    pub(super) max_body: Option<usize>,
    /// The most connections at a time
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true, help_heading = "Limits")]
    pub(super) max_connections: Option<usize>,
    /// Seconds that a connection may be idle
    #[arg(long, value_name = "S", value_parser = seconds, hide_short_help = true, help_heading = "Limits")]
    pub(super) keep_alive: Option<Duration>,
    /// Seconds that requests under way have after SIGTERM [default: 30]
    #[arg(long, value_name = "S", value_parser = seconds, hide_short_help = true, help_heading = "Limits")]
    pub(super) drain_timeout: Option<Duration>,
    /// End after so many seconds without a connection
    #[arg(long, value_name = "S", value_parser = seconds, hide_short_help = true, help_heading = "Limits")]
    pub(super) idle_exit: Option<Duration>,

    /// Send traces to an OTLP/HTTP collector, such as http://localhost:4318
    #[arg(long, value_name = "URL", hide_short_help = true, help_heading = "Observability")]
    pub(super) otlp_endpoint: Option<String>,
    /// The share of requests that is traced, from 0 to 1 [default: 1]
    #[arg(long, value_name = "SHARE", value_parser = share, hide_short_help = true, help_heading = "Observability")]
    pub(super) trace_sample: Option<f64>,
    /// Write outputs and model versions to files in this directory
    #[arg(long, value_name = "DIR", hide_short_help = true, help_heading = "Observability")]
    pub(super) prediction_log: Option<PathBuf>,
    /// Write inputs to the prediction log too
    #[arg(long, requires = "prediction_log", hide_short_help = true, help_heading = "Observability")]
    pub(super) log_inputs: bool,
}
