//! What the server says of its requests, beside what Python logs.

use tracing_subscriber::EnvFilter;

/// Writes a line of JSON to standard error for each request, as `riverrun serve --access-log` of the command line does. `RIVERRUN_LOG`
/// says what else.
pub(super) fn log_requests() {
    let filter = EnvFilter::try_from_env("RIVERRUN_LOG").unwrap_or_else(|_| EnvFilter::new("riverrun::access=info"));
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
