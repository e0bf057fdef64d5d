//! Model tags, metadata and the model store.
//!
//! A model is known by its [`Tag`], `name:version`, and lives in a [`ModelStore`]: a directory on this
//! machine that several processes may use at once. Every version carries a [`Metadata`] file with the
//! SHA-256 of each of its files. This crate runs no model and depends on no other crate of the workspace.
//!
//! ```
//! use riverrun_model::{Error, ModelStore, TagRef};
//!
//! # let directory = tempfile::tempdir()?;
//! # let home = directory.path();
//! let store = ModelStore::at(home)?;
//!
//! // `text-classification` alone means whatever the name's `latest` pointer says.
//! let wanted: TagRef = "text-classification".parse()?;
//! match store.get(&wanted) {
//!     Ok(model) => println!("{} is at {}", model.tag(), model.path().display()),
//!     Err(Error::NotFound { near, .. }) => println!("not there{near}"),
//!     Err(other) => return Err(other.into()),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod digest;
mod durable;
mod error;
mod format;
#[cfg(feature = "pull")]
mod hub;
mod label;
mod metadata;
mod model;
mod onnx;
mod progress;
mod relative_path;
mod safetensors;
mod source;
mod store;
mod suggestions;
mod tag;
mod task;
mod tensor_spec;

pub use archive::ArchiveLimits;
pub use error::{Error, ErrorDomain, Result};
pub use format::ModelFormat;
#[cfg(feature = "pull")]
pub use hub::{HubReference, HubSettings, PullOptions, Pulled};
pub use label::LabelChange;
pub use metadata::{FileEntry, Metadata, Signature};
pub use model::Model;
pub use progress::Progress;
pub use store::{ExportOptions, Exported, ImportOptions, ImportWarning, Imported, ListEntry, ModelStore};
pub use suggestions::Suggestions;
pub use tag::{LoweredTag, MAX_PART_LENGTH, Parsed, Tag, TagRef};
pub use task::InferenceTask;
pub use tensor_spec::{Dimension, TensorSpec};
pub use toml::{Table, Value};
