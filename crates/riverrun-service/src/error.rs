//! What can go wrong when a service is put together and started.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a service does not start, or a served model was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// Two models, or a model and an endpoint, on one route.
    #[error("{first} and {second} are both to be served at {route}; give one of them another route")]
    RouteTaken {
        /// The route.
        route: String,
        /// What was there first.
        first: String,
        /// What came second.
        second: String,
    },
    /// The route is the service's own.
    #[error("{route} is a route of the service itself, so {wanted_by} cannot have it; take another, such as /classify")]
    RouteReserved {
        /// The route.
        route: String,
        /// What was to be served there.
        wanted_by: String,
    },
    /// A router that was merged into the service has a route of it.
    #[error("a router cannot be merged into the service: {reason}; give its route another path")]
    Merge {
        /// What the library says, the route among it.
        reason: String,
    },
    /// No route at all.
    #[error("`{route}` is not a route: {reason}; it is a path such as /classify")]
    BadRoute {
        /// What was given.
        route: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two models under one name.
    #[error(
        "two different models are called `{name}`; rename one of them, or serve both as versions of one `ServedModel`"
    )]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A name that cannot be part of a URL.
    #[error("`{name}` cannot be a model's name: {reason}; use lower-case letters, digits, `-`, `_` and `.`")]
    BadName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The model has no such version.
    #[error("model `{model}` is not served in version `{version}`; it has {}", versions.join(", "))]
    UnknownVersion {
        /// The model.
        model: String,
        /// What was asked for.
        version: String,
        /// What there is.
        versions: Vec<String>,
    },
    /// Weights of which no version gets anything.
    #[error("no version of model `{model}` would get a request; give at least one a weight above 0")]
    NoWeight {
        /// The model.
        model: String,
    },
    /// A new version could not be put in place; the old one goes on.
    #[error("version `{version}` of model `{model}` is not served: {reason}; the versions before it go on")]
    Change {
        /// The model.
        model: String,
        /// The version.
        version: String,
        /// What its loader or its warm-up says.
        reason: String,
    },
    /// A model could not be made to follow its source.
    #[error(
        "model `{model}` does not follow its latest version: no thread can be had: {reason}; raise the limit of threads (`ulimit -u`)"
    )]
    Follow {
        /// The model.
        model: String,
        /// What the system says.
        reason: String,
    },
    /// Another program listens there.
    #[error(
        "port {} is in use on {}; stop the program that has it (`ss -ltnp 'sport = :{}'` shows which), or take another with `--port`",
        address.port(), address.ip(), address.port()
    )]
    PortInUse {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// It cannot listen there.
    #[error("cannot listen on {address}: {reason}; give an address of this machine and a port that this user may have")]
    Listen {
        /// Where it was to listen.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// A server without a place to listen.
    #[error("the server has no place to listen; give it an address with `listen`, or a path with `listen_unix`")]
    NowhereToListen,
    /// Something other than a socket is in the way.
    #[error("{path} exists and is no socket, so it is left alone; give another path for the Unix socket")]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Another program listens on the socket.
    #[error("another program listens on {path}; stop it, or give another path for the Unix socket")]
    SocketInUse {
        /// The path.
        path: PathBuf,
    },
    /// A file for TLS could not be read.
    #[error("{path} could not be read: {reason}; TLS needs a certificate chain and its private key in PEM files")]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// What the system or the parser says.
        reason: String,
    },
    /// The file has no certificate.
    #[error("{path} has no certificate; it must have at least one `BEGIN CERTIFICATE` section")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file has no private key.
    #[error("{path} has no private key; it must have a `BEGIN PRIVATE KEY` section (PKCS#8, PKCS#1 or SEC1)")]
    NoPrivateKey {
        /// The file.
        path: PathBuf,
    },
    /// The certificate is of another key.
    #[error(
        "the certificate in {certificate} does not belong to the private key in {key}; give the pair that was made together"
    )]
    KeyMismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate or the key is of no use for a server.
    #[error("{certificate} and {key} cannot be used for TLS: {reason}")]
    Tls {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The prediction log cannot be written.
    #[error(
        "the prediction log cannot be written to {}: {reason}; give a directory that this user may write to, on a disk with room",
        directory.display()
    )]
    PredictionLog {
        /// The directory.
        directory: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Another service logs its predictions there.
    #[error("another service writes its prediction log to {}; give each a directory of its own", directory.display())]
    PredictionLogTaken {
        /// The directory.
        directory: PathBuf,
    },
    /// Traces cannot be sent.
    #[error(
        "traces cannot be sent to {endpoint}: {reason}; give the address of an OTLP/HTTP collector, such as http://localhost:4318"
    )]
    Otlp {
        /// Where they were to be sent.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
    /// A build that cannot send traces.
    #[error(
        "traces are to go to {endpoint}, but this build cannot send any; build it with the feature `otlp`, or leave the endpoint out"
    )]
    WithoutOtlp {
        /// Where they were to be sent.
        endpoint: String,
    },
    /// Not an origin.
    #[error("`{origin}` is not an origin; give a scheme and a host, such as https://example.org, or `*` for all")]
    BadOrigin {
        /// What was given.
        origin: String,
    },
    /// A token that no request could send, or one that is no secret.
    #[error("a bearer token {reason}; take a long random one, such as that of `openssl rand -hex 32`")]
    BadToken {
        /// What is wrong with it.
        reason: &'static str,
    },
}
