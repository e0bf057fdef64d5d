//! Rows of features, and what is predicted of them.

use serde::{Deserialize, Serialize};

use crate::error::TabularError;

/// Rows of features, one or more: the numbers of the first row, those of the second, and so on. A value that is missing is NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub(crate) values: Values,
    pub(crate) rows: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    /// In the order of its names, one row each.
    Named(Vec<Vec<(String, f64)>>),
}

impl Table {
    /// One row.
    #[must_use]
    pub fn row(values: Vec<f32>) -> Self {
        Self { values: Values::F32(values), rows: 1 }
    }

    /// Several rows, one behind the other: `[rows, features]`.
    ///
    /// # Errors
    /// The values are not as many for each row, or there is no row.
    pub fn rows(values: Vec<f32>, rows: usize) -> Result<Self, TabularError> {
        check(values.len(), rows)?;
        Ok(Self { values: Values::F32(values), rows })
    }

    /// As [`rows`](Self::rows), in double precision: LightGBM compares in it.
    ///
    /// # Errors
    /// The same.
    pub fn rows_f64(values: Vec<f64>, rows: usize) -> Result<Self, TabularError> {
        check(values.len(), rows)?;
        Ok(Self { values: Values::F64(values), rows })
    }

    /// One row by the names of the features; those that are not named are missing.
    #[must_use]
    pub fn named(values: impl IntoIterator<Item = (impl Into<String>, f64)>) -> Self {
        let row = values.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Self { values: Values::Named(vec![row]), rows: 1 }
    }

    /// How many values there are, all rows together; nothing where they have names.
    pub(crate) fn len_of_values(&self) -> Option<usize> {
        match &self.values {
            Values::F32(values) => Some(values.len()),
            Values::F64(values) => Some(values.len()),
            Values::Named(_) => None,
        }
    }

    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

fn check(values: usize, rows: usize) -> Result<(), TabularError> {
    if rows == 0 {
        return Err(TabularError::table("it has no rows"));
    }
    if !values.is_multiple_of(rows) {
        return Err(TabularError::table(format!("{values} values are not as many for each of {rows} rows")));
    }
    Ok(())
}

impl From<Vec<f32>> for Table {
    fn from(values: Vec<f32>) -> Self {
        Self::row(values)
    }
}

impl From<&[f32]> for Table {
    fn from(values: &[f32]) -> Self {
        Self::row(values.to_vec())
    }
}

impl From<Vec<f64>> for Table {
    fn from(values: Vec<f64>) -> Self {
        Self { values: Values::F64(values), rows: 1 }
    }
}

/// What is predicted of a table: as many numbers for each row as the model has outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    pub(crate) values: Vec<f64>,
    pub(crate) outputs: usize,
}

impl Predictions {
    /// All rows' numbers, `[rows, outputs]`.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// How many numbers each row has: one, or one per class.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The numbers of each row.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.outputs.max(1))
    }

    /// The first number of the first row: all there is for one row of a model with one output.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.values.first().copied().unwrap_or(f64::NAN)
    }
}

/// A list of rows, each a list of numbers.
impl Serialize for Predictions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows())
    }
}

impl<'de> Deserialize<'de> for Predictions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows = Vec::<Vec<f64>>::deserialize(deserializer)?;
        let outputs = rows.first().map_or(1, Vec::len);
        if rows.iter().any(|row| row.len() != outputs) {
            return Err(serde::de::Error::custom("rows of predictions have different lengths"));
        }
        Ok(Self { values: rows.into_iter().flatten().collect(), outputs })
    }
}
