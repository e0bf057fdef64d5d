//! What a service says on standard error beside its own messages.

use tracing_subscriber::EnvFilter;

/// Starts logging to standard error, for a program that has no `tracing` subscriber of its own: warnings, and every request with
/// `access_log`, as lines of JSON. The environment's `RIVERRUN_LOG` says otherwise, as `RUST_LOG` does elsewhere:
/// `info,riverrun::batcher=debug`. No effect where there is a subscriber already.
pub fn start_logging(access_log: bool) {
    let default = if access_log { "warn,riverrun::access=info" } else { "warn" };
    let filter = EnvFilter::try_from_env("RIVERRUN_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // It fails only where there is one already.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}
