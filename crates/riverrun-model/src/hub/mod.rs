//! Models from the Hugging Face hub, or from another server that speaks its protocol.
//!
//! The protocol is that of `huggingface_hub`: `/api/models/{id}/revision/{revision}` lists the files of a commit,
//! `/{id}/resolve/{commit}/{file}` gives one, by way of another host for large ones. The cache is laid out as that library
//! lays it out, so that what Python has downloaded is not downloaded again, and the other way round.

mod cache;
mod client;
mod digest;
mod download;
mod listing;
mod origin;
mod pull;
mod reference;
mod retry;
mod select;
mod settings;

pub use pull::Pulled;
pub use reference::HubReference;
pub use settings::{HubSettings, PullOptions};
