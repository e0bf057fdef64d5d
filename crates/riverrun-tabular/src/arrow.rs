//! Columns of Arrow in, columns out.

use std::sync::Arc;

use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, PrimitiveArray, RecordBatch, cast::AsArray};
use arrow_schema::{DataType, Field, Schema};
use riverrun_runner::Compute;

use crate::error::TabularError;
use crate::model::TreeModel;
use crate::table::{Table, Values};

impl TreeModel {
    /// The predictions for the rows of `batch`: one column `prediction`, or one for each class, `prediction_0` and so on.
    ///
    /// Columns are found by the features' names; a model that was trained without names takes them in their order. Numbers of every
    /// width and booleans are taken; null is a missing value. Columns that are no features are passed over where there are names.
    ///
    /// # Errors
    /// A column is missing or holds other than numbers.
    pub fn predict_batch(&self, batch: &RecordBatch, compute: &Compute) -> Result<RecordBatch, TabularError> {
        let table = self.table(batch)?;
        if table.rows == 0 {
            return self.columns(&[], 0);
        }
        let predictions = self.predict_table(&table, compute)?;
        self.columns(predictions.values(), table.rows)
    }

    /// The rows of `batch` as a table for a runner.
    ///
    /// # Errors
    /// As [`predict_batch`](Self::predict_batch).
    pub fn table(&self, batch: &RecordBatch) -> Result<Table, TabularError> {
        let (features, rows) = (self.features(), batch.num_rows());
        let columns: Vec<&ArrayRef> = match self.feature_names() {
            Some(names) => names
                .iter()
                .map(|name| {
                    let missing = || TabularError::table(format!("it has no column `{name}`, a feature of the model"));
                    batch.column_by_name(name).ok_or_else(missing)
                })
                .collect::<Result<_, _>>()?,
            None if batch.num_columns() == features => batch.columns().iter().collect(),
            None => {
                let columns = batch.num_columns();
                return Err(TabularError::table(format!(
                    "it has {columns} columns, the model has {features} features"
                )));
            }
        };
        let mut values = vec![f64::NAN; rows * features];
        for (feature, column) in columns.iter().enumerate() {
            let places = values.iter_mut().skip(feature).step_by(features);
            if !fill(column.as_ref(), places) {
                let name = self.feature_names().map_or_else(|| feature.to_string(), |names| names[feature].clone());
                let kind = column.data_type();
                return Err(TabularError::table(format!(
                    "column `{name}` is of type {kind}; numbers or booleans are wanted"
                )));
            }
        }
        Ok(Table { values: Values::F64(values), rows })
    }

    fn columns(&self, values: &[f64], rows: usize) -> Result<RecordBatch, TabularError> {
        let outputs = self.outputs();
        let name = |output: usize| if outputs == 1 { "prediction".to_owned() } else { format!("prediction_{output}") };
        let fields: Vec<Field> =
            (0..outputs).map(|output| Field::new(name(output), DataType::Float64, false)).collect();
        let column = |output: usize| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values((0..rows).map(|row| values[row * outputs + output])))
        };
        RecordBatch::try_new(Arc::new(Schema::new(fields)), (0..outputs).map(column).collect())
            .map_err(|error| TabularError::table(error.to_string()))
    }
}

/// Whether the column holds numbers, which are then in their places.
fn fill<'a>(column: &dyn Array, places: impl Iterator<Item = &'a mut f64>) -> bool {
    macro_rules! numbers {
        ($kind:ty) => {
            copy(column.as_primitive::<$kind>(), places, |value| value as f64)
        };
    }
    #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "features are numbers of this width")]
    match column.data_type() {
        DataType::Float32 => numbers!(Float32Type),
        DataType::Float64 => numbers!(Float64Type),
        DataType::Int8 => numbers!(Int8Type),
        DataType::Int16 => numbers!(Int16Type),
        DataType::Int32 => numbers!(Int32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::UInt8 => numbers!(UInt8Type),
        DataType::UInt16 => numbers!(UInt16Type),
        DataType::UInt32 => numbers!(UInt32Type),
        DataType::UInt64 => numbers!(UInt64Type),
        DataType::Boolean => {
            let column: &BooleanArray = column.as_boolean();
            column.iter().zip(places).for_each(|(value, place)| *place = value.map_or(f64::NAN, f64::from));
        }
        _ => return false,
    }
    true
}

fn copy<'a, K: arrow_array::ArrowPrimitiveType>(
    column: &PrimitiveArray<K>, places: impl Iterator<Item = &'a mut f64>, wide: impl Fn(K::Native) -> f64,
) {
    column.iter().zip(places).for_each(|(value, place)| *place = value.map_or(f64::NAN, &wide));
}
