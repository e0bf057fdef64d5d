//! HTTP/1.1 to one endpoint: connections, their pool, and one request with its whole reply.

mod connect;
mod failure;
mod pool;
mod tls;

pub(crate) use failure::Failure;
pub(crate) use pool::{Outgoing, Pool, PoolSettings, Reply};
pub(crate) use tls::Tls;
