//! [`TreeModel`]: a tree ensemble and its predictions.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use riverrun_runner::Compute;

use crate::error::TabularError;
use crate::forest::{Forest, SourceTree};
use crate::load::{self, Library, Source};
use crate::objective::{Transform, arg_max};
use crate::options::TreeOptions;
use crate::table::{Predictions, Table, Values};

/// Steps from node to node that are worth a thread's waking.
const STEPS_PER_PART: usize = 100_000;

/// A tree ensemble that XGBoost or LightGBM trained.
///
/// ```
/// use riverrun_tabular::TreeModel;
///
/// # let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
/// let model = TreeModel::load(format!("{directory}/xgboost-binary.ubj"))?;
/// assert_eq!((model.features(), model.outputs()), (8, 1));
///
/// let row = [0.3, -1.2, f32::NAN, 0.5, 1.0, 0.0, -0.7, 2.0];
/// let probability = model.predict(&row)?[0];
/// assert!(probability > 0.0 && probability < 1.0);
/// # Ok::<(), riverrun_tabular::TabularError>(())
/// ```
#[derive(Debug)]
pub struct TreeModel {
    pub(crate) engine: Engine,
    features: usize,
    names: Vec<String>,
    base: Vec<f64>,
    transform: Transform,
    /// What sums are divided by.
    divisor: Option<f64>,
    objective: String,
    library: Library,
    /// Steps that a row takes, all trees together.
    steps: usize,
}

/// Each library's own precision.
#[derive(Debug)]
pub(crate) enum Engine {
    XgBoost(Forest<f32, f32>),
    /// Rows in `f32` are compared in `f32`, by thresholds that part them as those in `f64` would.
    LightGbm {
        narrow: Forest<f32, f64>,
        wide: OnceLock<Forest<f64, f64>>,
        trees: Vec<SourceTree>,
    },
}

impl TreeModel {
    /// Loads the model in `path`: JSON or UBJSON of XGBoost, text of LightGBM, or a directory with one of them.
    ///
    /// # Errors
    /// The file cannot be read, is no model, is damaged, or has what is not implemented.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, TabularError> {
        Self::load_with(path, &TreeOptions::new())
    }

    /// As [`load`](Self::load), with options.
    ///
    /// # Errors
    /// The same, or an option does not fit the model.
    pub fn load_with(path: impl AsRef<Path>, options: &TreeOptions) -> Result<Self, TabularError> {
        let path = load::find(path.as_ref())?;
        let bytes = std::fs::read(&path)
            .map_err(|error| TabularError::Read { path: path.clone(), problem: error.to_string() })?;
        Self::read(&bytes, &path.display().to_string(), options)
    }

    /// Loads a model that is in memory.
    ///
    /// # Errors
    /// As [`load_with`](Self::load_with).
    pub fn from_bytes(bytes: &[u8], options: &TreeOptions) -> Result<Self, TabularError> {
        Self::read(bytes, "the model", options)
    }

    fn read(bytes: &[u8], origin: &str, options: &TreeOptions) -> Result<Self, TabularError> {
        let mut source = load::read(bytes).map_err(|refused| refused.of(origin))?;
        if let Some(rounds) = options.rounds {
            let all = source.trees.len() / source.trees_per_round;
            if rounds == 0 || rounds > all {
                return Err(TabularError::Option(format!(
                    "{origin} has {all} rounds, not {rounds}; choose from 1 to {all}"
                )));
            }
            source.trees.truncate(rounds * source.trees_per_round);
        }
        let damaged = |problem| TabularError::Damaged { origin: origin.to_owned(), problem };
        let rounds = source.trees.len() / source.trees_per_round;
        #[allow(clippy::cast_precision_loss, reason = "so many rounds there are not")]
        // LightGBM's raw scores of a random forest are the sums, not their mean.
        let divisor = (source.average && rounds > 0 && !options.raw_scores).then_some(rounds as f64);
        let Source { library, trees, features, names, base, objective, transform, .. } = source;
        let (engine, steps) = match library {
            Library::XgBoost => {
                let forest = Forest::new(&trees, features).map_err(damaged)?;
                let steps = forest.steps();
                (Engine::XgBoost(forest), steps)
            }
            Library::LightGbm => {
                let narrow = Forest::new(&trees, features).map_err(damaged)?;
                let steps = narrow.steps();
                (Engine::LightGbm { narrow, wide: OnceLock::new(), trees }, steps)
            }
        };
        let transform = if options.raw_scores { Transform::Identity } else { transform };
        Ok(Self { engine, features, names, base, transform, divisor, objective, library, steps })
    }

    /// The library that trained it.
    #[must_use]
    pub fn library(&self) -> Library {
        self.library
    }

    /// How many features a row has.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// The features' names in their order, if it was trained with names.
    #[must_use]
    pub fn feature_names(&self) -> Option<&[String]> {
        (!self.names.is_empty()).then_some(&self.names)
    }

    /// How many numbers it predicts for a row: one, or one per class.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.transform.outputs(self.base.len())
    }

    /// What it was trained for, as its library names it: `binary:logistic`, `lambdarank`.
    #[must_use]
    pub fn objective(&self) -> &str {
        &self.objective
    }

    /// How many trees it has.
    #[must_use]
    pub fn trees(&self) -> usize {
        match &self.engine {
            Engine::XgBoost(forest) => forest.trees(),
            Engine::LightGbm { narrow, .. } => narrow.trees(),
        }
    }

    /// The predictions for `rows`, `[rows, features]` with NaN for what is missing: `[rows, outputs]`.
    ///
    /// # Errors
    /// There are not as many values for each row as the model has features.
    pub fn predict(&self, rows: &[f32]) -> Result<Vec<f32>, TabularError> {
        self.predict_on(rows, &Compute::single())
    }

    /// As [`predict`](Self::predict), on the threads of `compute`. A row's predictions are the same bits in any table and on any
    /// number of threads.
    ///
    /// # Errors
    /// The same.
    #[allow(clippy::cast_possible_truncation, reason = "the caller asked for f32")]
    pub fn predict_on(&self, rows: &[f32], compute: &Compute) -> Result<Vec<f32>, TabularError> {
        self.check(rows.len())?;
        Ok(match &self.engine {
            Engine::XgBoost(forest) => self.finish_f32(self.sum_f32(forest, rows, compute)),
            Engine::LightGbm { narrow, .. } => {
                let sums = self.finish_f64(self.sum_f64(
                    |rows, sums| {
                        narrow.add_to(rows, self.features, sums, self.base.len());
                    },
                    rows,
                    compute,
                ));
                sums.into_iter().map(|value| value as f32).collect()
            }
        })
    }

    /// As [`predict_on`](Self::predict_on), in double precision: XGBoost rounds the features to `f32` first, LightGBM compares them as they
    /// are.
    ///
    /// # Errors
    /// The same.
    #[allow(clippy::cast_possible_truncation, reason = "as the library does")]
    pub fn predict_f64(&self, rows: &[f64], compute: &Compute) -> Result<Vec<f64>, TabularError> {
        self.check(rows.len())?;
        match &self.engine {
            Engine::XgBoost(_) => {
                let rows: Vec<f32> = rows.iter().map(|&value| value as f32).collect();
                Ok(self.predict_on(&rows, compute)?.into_iter().map(f64::from).collect())
            }
            Engine::LightGbm { wide, trees, .. } => {
                if wide.get().is_none() {
                    let forest =
                        Forest::new(trees, self.features).map_err(|problem| TabularError::Table { problem })?;
                    // Another thread may have been first with the same.
                    let _ = wide.set(forest);
                }
                let groups = self.base.len();
                Ok(self.finish_f64(self.sum_f64(
                    |rows, sums| {
                        if let Some(forest) = wide.get() {
                            forest.add_to(rows, self.features, sums, groups);
                        }
                    },
                    rows,
                    compute,
                )))
            }
        }
    }

    /// The predictions for a table.
    ///
    /// # Errors
    /// It does not have the columns that the model was trained with.
    pub fn predict_table(&self, table: &Table, compute: &Compute) -> Result<Predictions, TabularError> {
        if let Some(values) = table.len_of_values() {
            self.check_rows(values, table.rows)?;
        }
        let values = match &table.values {
            Values::F32(values) => match &self.engine {
                Engine::XgBoost(_) => self.predict_on(values, compute)?.into_iter().map(f64::from).collect(),
                Engine::LightGbm { narrow, .. } => {
                    self.check(values.len())?;
                    let add =
                        |rows: &[f32], sums: &mut [f64]| narrow.add_to(rows, self.features, sums, self.base.len());
                    self.finish_f64(self.sum_f64(add, values, compute))
                }
            },
            Values::F64(values) => self.predict_f64(values, compute)?,
            Values::Named(rows) => {
                let rows = rows.iter().map(|row| self.ordered(row)).collect::<Result<Vec<_>, _>>()?;
                self.predict_f64(&rows.concat(), compute)?
            }
        };
        Ok(Predictions { values, outputs: self.outputs() })
    }

    /// A row by names as a row by places.
    pub(crate) fn ordered(&self, row: &[(String, f64)]) -> Result<Vec<f64>, TabularError> {
        if self.names.is_empty() {
            return Err(TabularError::table("the model was trained without names; give its features in their order"));
        }
        let mut values = vec![f64::NAN; self.features];
        for (name, value) in row {
            let place = self.names.iter().position(|known| known == name);
            let place = place.ok_or_else(|| TabularError::table(self.unknown(name)))?;
            values[place] = *value;
        }
        Ok(values)
    }

    pub(crate) fn unknown(&self, name: &str) -> String {
        let more = if self.names.len() > 20 { ", …" } else { "" };
        let known: Vec<_> = self.names.iter().take(20).map(String::as_str).collect();
        format!("`{name}` is none of its features, which are {}{more}", known.join(", "))
    }

    /// Whether `values` are those of so many rows.
    pub(crate) fn check_rows(&self, values: usize, rows: usize) -> Result<(), TabularError> {
        if Some(values) != rows.checked_mul(self.features) {
            let each = values.checked_div(rows).unwrap_or(0);
            return Err(TabularError::table(format!(
                "its rows have {each} values, the model has {} features",
                self.features
            )));
        }
        Ok(())
    }

    fn check(&self, values: usize) -> Result<(), TabularError> {
        if !values.is_multiple_of(self.features) {
            let features = self.features;
            return Err(TabularError::table(format!(
                "{values} values are no whole number of rows of {features} features each"
            )));
        }
        Ok(())
    }

    #[allow(clippy::cast_possible_truncation, reason = "it was read as f32")]
    fn sum_f32(&self, forest: &Forest<f32, f32>, rows: &[f32], compute: &Compute) -> Vec<f32> {
        let base: Vec<f32> = self.base.iter().map(|&base| base as f32).collect();
        let mut sums = base.repeat(rows.len() / self.features);
        let groups = self.base.len();
        self.in_parts(rows, &mut sums, compute, |rows, sums| forest.add_to(rows, self.features, sums, groups));
        sums
    }

    fn sum_f64<T: Sync>(&self, add: impl Fn(&[T], &mut [f64]) + Sync, rows: &[T], compute: &Compute) -> Vec<f64> {
        let mut sums = self.base.repeat(rows.len() / self.features);
        self.in_parts(rows, &mut sums, compute, add);
        sums
    }

    /// Calls `add` with parts of the rows, and of their sums, on as many threads as the work is worth.
    fn in_parts<T: Sync, V: Send>(
        &self, rows: &[T], sums: &mut [V], compute: &Compute, add: impl Fn(&[T], &mut [V]) + Sync,
    ) {
        let count = rows.len() / self.features;
        let worth = count.saturating_mul(self.steps) / STEPS_PER_PART;
        if worth < 2 || compute.threads() < 2 {
            return add(rows, sums);
        }
        // More parts than threads, so that none waits long for the last.
        let parts = worth.min(compute.threads() * 4);
        let each = count.div_ceil(parts);
        let parts: Vec<_> = rows
            .chunks(each * self.features)
            .zip(sums.chunks_mut(each * self.base.len()))
            .map(|(rows, sums)| (rows, Mutex::new(sums)))
            .collect();
        compute.parallel(parts.len(), &|part| {
            let (rows, sums) = &parts[part];
            add(rows, &mut sums.lock().unwrap_or_else(PoisonError::into_inner));
        });
    }

    #[allow(clippy::cast_precision_loss, reason = "there are not that many classes")]
    fn finish_f32(&self, mut sums: Vec<f32>) -> Vec<f32> {
        let rows = sums.chunks_exact_mut(self.base.len());
        if self.transform == Transform::ArgMax {
            return rows.map(|sums| arg_max(sums) as f32).collect();
        }
        rows.for_each(|sums| self.transform.apply_f32(sums));
        sums
    }

    #[allow(clippy::cast_precision_loss, reason = "there are not that many classes")]
    fn finish_f64(&self, mut sums: Vec<f64>) -> Vec<f64> {
        if let Some(divisor) = self.divisor {
            sums.iter_mut().for_each(|sum| *sum /= divisor);
        }
        let rows = sums.chunks_exact_mut(self.base.len());
        if self.transform == Transform::ArgMax {
            return rows.map(|sums| arg_max(sums) as f64).collect();
        }
        rows.for_each(|sums| self.transform.apply_f64(sums));
        sums
    }
}
