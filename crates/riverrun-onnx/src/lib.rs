//! ONNX models as runnables, computed by RTen or ONNX Runtime.
//!
//! [`OnnxModel`] reads what a file declares, has a backend load it, and is a [`Runnable`] over named tensors. It may depend on
//! `riverrun-runner`, whose [`Runnable`] it implements; it knows nothing of streams, texts and the model store.
//!
//! ```
//! use riverrun_onnx::{Array, OnnxModel, Tensors};
//! use riverrun_runner::Runner;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
//! let runner = Runner::new("sums", OnnxModel::load(format!("{directory}/two-inputs.onnx"))?);
//! runner.init_local()?;
//!
//! // An item has no batch dimension: the runner puts items of one shape together.
//! let item = Tensors::new().with("left", vec![1.0_f32, 2.0]).with("right", vec![3.0_f32, 4.0]);
//! let sums = runner.run(item)?;
//! assert_eq!(sums.elements::<f32>("sum"), Some([4.0, 6.0].as_slice()));
//! # Ok(())
//! # }
//! ```
//!
//! [`Runnable`]: riverrun_runner::Runnable

mod array;
mod backend;
mod batch;
mod declared;
mod error;
mod external;
mod model;
mod options;
mod runnable;
mod tensors;
mod walk;

pub use array::{Array, Element, Elements};
pub use backend::{BackendKind, available};
pub use declared::{Declared, Dimension};
pub use error::OnnxError;
pub use model::{OnnxModel, PreparedTensors};
pub use options::{BatchDimension, OnnxOptions};
pub use tensors::Tensors;

/// The examples of the page under `docs/` compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/onnx.md")]
struct Page;
