//! Tree ensembles of XGBoost and LightGBM as runnables.
//!
//! [`TreeModel`] reads what the libraries save (JSON and UBJSON, text) and predicts what they predict, without them. It may depend on
//! `riverrun-runner`, whose [`Runnable`] it implements; it knows nothing of streams, texts and the model store.
//!
//! ```
//! use riverrun_runner::Runner;
//! use riverrun_tabular::{Table, TreeModel};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
//! let runner = Runner::new("income", TreeModel::load(format!("{directory}/lightgbm-multiclass.txt"))?);
//! runner.init_local()?;
//!
//! let row = Table::named([("age", 0.4), ("hours", -1.0)]);
//! let classes = runner.run(row)?;
//! assert_eq!(classes.outputs(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! [`Runnable`]: riverrun_runner::Runnable

#[cfg(feature = "arrow")]
mod arrow;
mod error;
mod forest;
mod load;
mod model;
mod objective;
mod options;
mod runnable;
mod table;

pub use error::TabularError;
pub use load::Library;
pub use model::TreeModel;
pub use options::TreeOptions;
pub use runnable::PreparedRows;
pub use table::{Predictions, Table};

/// The examples of the page under `docs/` compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/tabular.md")]
struct Page;
