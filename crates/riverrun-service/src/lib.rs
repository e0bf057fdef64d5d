//! The inference service: runners on HTTP. Depends on `riverrun-runner` alone, so it serves whatever a runner runs.
//!
//! A [`Service`] says what is served: models at routes, typed endpoints, other routers, limits. A [`Server`] says where, and
//! how connections are treated. Together they give a [`BoundServer`], which serves until it is told to end and then drains.
//!
//! ```
//! use riverrun_runner::wire::{Payload, Portable};
//! use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};
//! use riverrun_service::Service;
//!
//! struct Lengths;
//!
//! impl Runnable for Lengths {
//!     type Input = String;
//!     type Prepared = String;
//!     type Output = usize;
//!
//!     fn prepare(&self, input: String) -> Result<Prepared<String>, ItemError> {
//!         Ok(Prepared { cost: 1, value: input })
//!     }
//!
//!     fn run(&self, batch: Vec<String>, _: &Compute) -> Result<Vec<Result<usize, ItemError>>, ItemError> {
//!         Ok(batch.iter().map(|text| Ok(text.len())).collect())
//!     }
//! }
//!
//! impl Portable for Lengths {
//!     fn to_payload(input: &String) -> Payload {
//!         Payload::from(&**input)
//!     }
//!
//!     fn from_payload(payload: Payload) -> Result<String, ItemError> {
//!         match payload {
//!             Payload::Text(text) => Ok(text),
//!             other => Err(ItemError::new(format!("a text is wanted, not {}", other.kind()))),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runner = Runner::new("lengths", Lengths);
//! runner.init_local()?;
//! let service = Service::new("lengths").runner("/length", &runner);
//! let running = service.bind(([127, 0, 0, 1], 0)).await?.start();
//! // curl -H 'Content-Type: text/plain' -d 'four' http://…/length
//! println!("{}", running.addresses()[0]);
//! running.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! A request's way through the crate: `server` (connections, TLS, drain) → `middleware` (request id, access log, errors in one
//! form, tokens) → `routes` or `predict` (bodies, inputs, answers) → `served_model` (which version) → the runner.

mod context;
mod endpoint;
mod error;
mod fault;
mod guarded;
mod hot_change;
mod kserve;
mod limits;
mod logging;
mod middleware;
mod models;
mod observe;
mod openapi;
mod pace;
mod predict;
mod routes;
mod served_model;
mod server;
mod service;
mod shadow;
mod state;

pub use context::RequestContext;
pub use endpoint::{Endpoint, IntoEndpoint, RawRequest};
pub use error::ServiceError;
pub use fault::Fault;
pub use hot_change::{Follow, FollowEvent, Following, ModelSource, SourceError};
pub use limits::Limits;
pub use logging::start_logging;
pub use observe::otlp::Otlp;
pub use observe::prediction_log::PredictionLog;
pub use served_model::{ChangeFailure, ServedModel, ServedVersion};
pub use server::{Address, BoundServer, DrainSummary, Peer, Running, Server};
pub use service::Service;
pub use shadow::{Shadow, ShadowCounts};
