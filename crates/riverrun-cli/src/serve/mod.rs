//! `riverrun serve`: models of the store as an inference service.

mod arguments;
mod models;
mod parse;
mod python;
mod shutdown;
mod store_source;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use riverrun::prelude::*;
use riverrun::service::{BoundServer, Limits, Otlp, PredictionLog, Server, Service, start_logging};

pub(crate) use arguments::ServeArguments;
pub(crate) use python::run_if_asked as become_python;

use crate::failure::{Failure, Result, say};
use models::Models;
use shutdown::Shutdown;

const DEFAULT_PORT: u16 = 3000;

pub(crate) fn run(arguments: ServeArguments) -> Result {
    if let Some(cores) = arguments.parallelism {
        Compute::set_permits(cores);
    }
    if arguments.pin {
        Compute::set_pinning(true);
    }
    start_logging(arguments.access_log);
    // What is wrong with the arguments is said before models are loaded.
    let plan = models::plan(&arguments)?;
    let mut service = Service::new(plan.name()).limits(limits(&arguments));
    for origin in &arguments.cors {
        service = service.allow_origin(origin);
    }
    if let Some(file) = &arguments.token_file {
        for token in tokens(file)? {
            service = service.token(token);
        }
    }
    if let Some(log) = prediction_log(&arguments) {
        service = service.prediction_log(log);
    }
    if let Some(otlp) = otlp(&arguments) {
        service = service.otlp(otlp);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start its threads: {error}; raise the limit of threads")))?;
    // Before a model is loaded, so that a signal meanwhile ends it.
    let shutdown = Shutdown::listen(&runtime)?;
    let models = plan.load()?;
    for (route, model) in models.routes() {
        service = service.model(route, model);
    }
    runtime.block_on(async {
        let server = server(&arguments).bind(service).await.map_err(Failure::failed)?;
        say_where(&server, &arguments, &models);
        let following = models.follow()?;
        let summary = server.serve(shutdown.requested()).await;
        drop(following);
        say(summary);
        Ok(())
    })
}

fn limits(arguments: &ServeArguments) -> Limits {
    let mut limits = Limits::default();
    if let Some(timeout) = arguments.timeout {
        limits = limits.timeout(timeout);
    }
    if let Some(bytes) = arguments.max_body {
        limits = limits.max_body(bytes);
    }
    limits
}

fn server(arguments: &ServeArguments) -> Server {
    let mut server = Server::new();
    if arguments.port.is_some() || arguments.unix_socket.is_none() {
        let port = arguments.port.unwrap_or(DEFAULT_PORT);
        server = server.listen(SocketAddr::new(arguments.host, port));
    }
    if let Some(path) = &arguments.unix_socket {
        server = server.listen_unix(path);
    }
    if let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        server = server.tls(certificate, key);
    }
    if let Some(connections) = arguments.max_connections {
        server = server.max_connections(connections);
    }
    if let Some(time) = arguments.keep_alive {
        server = server.keep_alive(time);
    }
    if let Some(time) = arguments.drain_timeout {
        server = server.drain_timeout(time);
    }
    if let Some(time) = arguments.idle_exit {
        server = server.end_when_idle(time);
    }
    server
}

fn prediction_log(arguments: &ServeArguments) -> Option<PredictionLog> {
    let directory = arguments.prediction_log.as_ref()?;
    Some(PredictionLog::new(directory).inputs(arguments.log_inputs))
}

/// Where traces go: as the arguments say, or the environment.
fn otlp(arguments: &ServeArguments) -> Option<Otlp> {
    let otlp = match &arguments.otlp_endpoint {
        Some(url) => Some(Otlp::new(url).with_env()),
        None => Otlp::from_env(),
    };
    match (otlp, arguments.trace_sample) {
        (Some(otlp), Some(share)) => Some(otlp.sample(share)),
        (otlp, _) => otlp,
    }
}

/// The tokens of a file, one a line.
fn tokens(file: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).map_err(|error| {
        Failure::Failed(format!(
            "cannot read the tokens in {}: {error}; give a file with one token a line",
            file.display()
        ))
    })?;
    let tokens: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect();
    if tokens.is_empty() {
        return Err(Failure::Failed(format!("{} has no token; write one a line", file.display())));
    }
    Ok(tokens)
}

fn say_where(server: &BoundServer, arguments: &ServeArguments, models: &Models) {
    let scheme = if arguments.tls_cert.is_some() { "https" } else { "http" };
    for address in server.addresses() {
        let routes: Vec<&str> = models.routes().map(|(route, _)| route).collect();
        say(match address {
            riverrun::service::Address::Tcp(address) => {
                format!(
                    "serving at {scheme}://{address}{}, a page to try it at {scheme}://{address}/",
                    routes.join(", ")
                )
            }
            riverrun::service::Address::Unix(path) => {
                format!("serving at unix:{}:{}", path.display(), routes.join(", "))
            }
        });
    }
}
