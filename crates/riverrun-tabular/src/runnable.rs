//! A tree ensemble as what a runner runs.

use std::sync::Arc;

use riverrun_runner::wire::{Datatype, Payload, Portable, Tensor, TensorData, TensorSpec};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable};
use serde_json::{Value, json};

use crate::error::TabularError;
use crate::model::{Engine, TreeModel};
use crate::table::{Predictions, Table, Values};

/// Rows as a batch holds them.
#[derive(Debug, Clone)]
pub enum PreparedRows {
    /// Single precision.
    F32(Arc<Vec<f32>>),
    /// Double precision.
    F64(Arc<Vec<f64>>),
}

impl From<TabularError> for ItemError {
    fn from(error: TabularError) -> Self {
        Self::new(error.to_string())
    }
}

impl Runnable for TreeModel {
    type Input = Table;
    type Prepared = PreparedRows;
    type Output = Predictions;

    #[allow(clippy::cast_possible_truncation, reason = "as the library does")]
    fn prepare(&self, table: Table) -> Result<Prepared<PreparedRows>, ItemError> {
        let cost = table.rows;
        let xgboost = matches!(self.engine, Engine::XgBoost(_));
        let values = match table.values {
            Values::F32(values) => return self.prepared(PreparedRows::F32(Arc::new(values)), cost),
            Values::F64(values) => values,
            Values::Named(rows) => {
                rows.iter().map(|row| self.ordered(row)).collect::<Result<Vec<_>, TabularError>>()?.concat()
            }
        };
        let rows = if xgboost {
            PreparedRows::F32(Arc::new(values.into_iter().map(|value| value as f32).collect()))
        } else {
            PreparedRows::F64(Arc::new(values))
        };
        self.prepared(rows, cost)
    }

    fn run(
        &self, batch: Vec<PreparedRows>, compute: &Compute,
    ) -> Result<Vec<Result<Predictions, ItemError>>, ItemError> {
        // Rows of one precision go through the trees together, whatever items they are of.
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        if let [PreparedRows::F32(rows)] = batch.as_slice() {
            return Ok(vec![Ok(self.narrow(rows, compute)?)]);
        }
        for item in &batch {
            match item {
                PreparedRows::F32(rows) => narrow.extend_from_slice(rows),
                PreparedRows::F64(rows) => wide.extend_from_slice(rows),
            }
        }
        let narrow = self.narrow(&narrow, compute)?.values;
        let wide = self.predict_f64(&wide, compute)?;
        let (mut narrow, mut wide) = (narrow.as_slice(), wide.as_slice());
        let outputs = self.outputs();
        let split = |item: &PreparedRows| {
            let (values, from) = match item {
                PreparedRows::F32(rows) => (rows.len(), &mut narrow),
                PreparedRows::F64(rows) => (rows.len(), &mut wide),
            };
            let (own, rest) = from.split_at((values / self.features() * outputs).min(from.len()));
            *from = rest;
            Ok(Predictions { values: own.to_vec(), outputs })
        };
        Ok(batch.iter().map(split).collect())
    }
}

impl TreeModel {
    fn prepared(&self, rows: PreparedRows, cost: usize) -> Result<Prepared<PreparedRows>, ItemError> {
        let values = match &rows {
            PreparedRows::F32(values) => values.len(),
            PreparedRows::F64(values) => values.len(),
        };
        self.check_rows(values, cost)?;
        Ok(Prepared { value: rows, cost })
    }

    fn narrow(&self, rows: &[f32], compute: &Compute) -> Result<Predictions, TabularError> {
        let rows = Table { rows: rows.len() / self.features(), values: Values::F32(rows.to_vec()) };
        self.predict_table(&rows, compute)
    }
}

const WANTED: &str = "a row is wanted: a list of numbers, with null for what is missing and \"Infinity\" or \"-Infinity\" beyond all, or an object of numbers by the \
                      features' names; or a list of such lists";

/// What stands in JSON, which has no infinities, where null would say that a value is missing. The names are those of Protocol Buffers' JSON.
fn infinity(value: f64) -> Option<&'static str> {
    match value {
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// The lists of numbers, or the names, of JSON.
fn table(value: Value) -> Option<Table> {
    let number = |value: &Value| match value {
        Value::Null => Some(f64::NAN),
        Value::String(text) => {
            [f64::INFINITY, f64::NEG_INFINITY].into_iter().find(|&x| infinity(x) == Some(text.as_str()))
        }
        value => value.as_f64(),
    };
    let numbers = |list: &[Value]| list.iter().map(number).collect::<Option<Vec<f64>>>();
    match value {
        Value::Array(list) if list.first().is_some_and(Value::is_array) => {
            let rows = list.iter().map(|row| numbers(row.as_array()?)).collect::<Option<Vec<_>>>()?;
            let width = rows.first().map_or(0, Vec::len);
            if rows.iter().any(|row| row.len() != width) {
                return None;
            }
            Table::rows_f64(rows.concat(), rows.len()).ok()
        }
        Value::Array(list) => Table::rows_f64(numbers(&list)?, 1).ok(),
        Value::Object(object) => {
            let row =
                object.iter().map(|(name, value)| Some((name.clone(), number(value)?))).collect::<Option<Vec<_>>>()?;
            Some(Table { values: Values::Named(vec![row]), rows: 1 })
        }
        _ => None,
    }
}

impl Portable for TreeModel {
    fn to_payload(input: &Table) -> Payload {
        // NaN becomes null.
        let number = |value: f64| infinity(value).map_or_else(|| json!(value), Value::from);
        let rows: Vec<Value> = match &input.values {
            Values::F32(values) => values
                .chunks((values.len() / input.rows.max(1)).max(1))
                .map(|row| row.iter().map(|&x| number(x.into())).collect())
                .collect(),
            Values::F64(values) => values
                .chunks((values.len() / input.rows.max(1)).max(1))
                .map(|row| row.iter().map(|&x| number(x)).collect())
                .collect(),
            Values::Named(rows) => {
                rows.iter().map(|row| row.iter().map(|(name, x)| (name.clone(), number(*x))).collect()).collect()
            }
        };
        let mut rows = rows;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Payload::Value(row),
            (last, _) => Payload::Value(Value::Array(rows.into_iter().chain(last).collect())),
        }
    }

    fn from_payload(payload: Payload) -> Result<Table, ItemError> {
        let kind = payload.kind();
        table(payload.into_value()).ok_or_else(|| ItemError::new(format!("{WANTED}; {kind} of another shape came")))
    }

    fn tensor_inputs() -> Vec<TensorSpec> {
        vec![TensorSpec { name: "input".to_owned(), datatype: Datatype::Fp32, shape: vec![-1, -1] }]
    }

    fn tensor_outputs() -> Vec<TensorSpec> {
        vec![TensorSpec { name: "output".to_owned(), datatype: Datatype::Fp64, shape: vec![-1, -1] }]
    }

    fn loaded_inputs(&self) -> Vec<TensorSpec> {
        wide("input", Datatype::Fp32, self.features())
    }

    fn loaded_outputs(&self) -> Vec<TensorSpec> {
        wide("output", Datatype::Fp64, self.outputs())
    }

    fn feature_names(&self) -> Option<Vec<String>> {
        Self::feature_names(self).map(<[String]>::to_vec)
    }

    fn loaded_schema(&self) -> Value {
        let number = number_schema();
        let features = self.features();
        let example = vec![json!(0.5); features.min(MOST_SHOWN)];
        let mut row = json!({"type": "array", "items": number, "minItems": features, "maxItems": features});
        if features <= MOST_SHOWN {
            row["example"] = json!(example);
        }
        let rows = json!({"type": "array", "items": row});
        match self.feature_names() {
            Some(names) => {
                let properties: serde_json::Map<String, Value> =
                    names.iter().map(|name| (name.clone(), number.clone())).collect();
                json!({"oneOf": [row, {"type": "object", "additionalProperties": false, "properties": properties}, rows]})
            }
            None => json!({"oneOf": [row, rows]}),
        }
    }

    fn inputs_from_tensors(tensors: Vec<Tensor>) -> Result<Vec<Table>, ItemError> {
        let [tensor] = tensors.try_into().map_err(|tensors: Vec<Tensor>| {
            ItemError::new(format!("one tensor of rows is wanted, [rows, features]; {} came", tensors.len()))
        })?;
        let &[rows, features] = tensor.shape() else {
            let shape =
                format!("tensor `{}` has the shape {:?}; [rows, features] is wanted", tensor.name(), tensor.shape());
            return Err(ItemError::new(shape));
        };
        let width = usize::try_from(features).unwrap_or(usize::MAX).max(1);
        if rows > 0 && features == 0 {
            return Err(ItemError::new(format!("tensor `{}` has rows without features", tensor.name())));
        }
        if tensor.datatype() == Datatype::Fp64
            && let TensorData::Fixed(bytes) = tensor.data()
        {
            let values: Vec<f64> = bytes.as_chunks().0.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect();
            return Ok(values.chunks(width).map(|row| Table::from(row.to_vec())).collect());
        }
        Ok(tensor.to_fp32()?.chunks(width).map(Table::from).collect())
    }

    /// Only tables of one row each: a tensor's rows come back as items.
    fn inputs_to_tensors(inputs: &[&Table]) -> Result<Vec<Tensor>, ItemError> {
        let mut values = Vec::new();
        for input in inputs {
            match (&input.values, input.rows) {
                (Values::F32(row), 1) => values.extend(row.iter().map(|&value| f64::from(value))),
                (Values::F64(row), 1) => values.extend_from_slice(row),
                (Values::Named(_), _) => {
                    return Err(ItemError::new(
                        "a row by names cannot be sent as a tensor; give its features in their order",
                    ));
                }
                (_, rows) => {
                    let message = format!(
                        "a table of {rows} rows cannot be sent as a tensor; send its rows as items of their own"
                    );
                    return Err(ItemError::new(message));
                }
            }
        }
        let shape = vec![inputs.len() as u64, values.len().checked_div(inputs.len()).unwrap_or(0) as u64];
        Ok(vec![doubles("input", shape, &values)?])
    }

    fn outputs_to_tensors(outputs: &[&Predictions]) -> Result<Vec<Tensor>, ItemError> {
        let values: Vec<f64> = outputs.iter().flat_map(|output| output.values.iter().copied()).collect();
        let width = outputs.first().map_or(1, |output| output.outputs);
        Ok(vec![doubles("output", vec![(values.len() / width.max(1)) as u64, width as u64], &values)?])
    }

    fn outputs_from_tensors(tensors: Vec<Tensor>, items: usize) -> Result<Vec<Predictions>, ItemError> {
        let wrong = || ItemError::new(format!("the answer has no tensor of {items} rows of predictions"));
        let [tensor] = tensors.try_into().map_err(|_| wrong())?;
        if tensor.items() != items || tensor.shape().len() > 2 {
            return Err(wrong());
        }
        let values: Vec<f64> = match (tensor.datatype(), tensor.data()) {
            (Datatype::Fp64, TensorData::Fixed(bytes)) => {
                bytes.as_chunks().0.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect()
            }
            _ => tensor.to_fp32()?.into_iter().map(f64::from).collect(),
        };
        let outputs = values.len().checked_div(items).unwrap_or(1).max(1);
        Ok(values.chunks(outputs).map(|row| Predictions { values: row.to_vec(), outputs }).collect())
    }

    fn input_schema() -> Value {
        let number = number_schema();
        let row = json!({"type": "array", "items": number, "example": [0.5, null, 3]});
        json!({"oneOf": [row, {"type": "object", "additionalProperties": number}, {"type": "array", "items": row}]})
    }

    fn output_schema() -> Value {
        json!({
            "description": "For each row of the item its predictions.",
            "type": "array",
            "items": {"type": "array", "items": {"type": "number"}},
        })
    }
}

/// The most features that somebody may want to see of an example.
const MOST_SHOWN: usize = 64;

fn number_schema() -> Value {
    json!({"oneOf": [{"type": ["number", "null"]}, {"type": "string", "enum": ["Infinity", "-Infinity"]}]})
}

fn wide(name: &str, datatype: Datatype, width: usize) -> Vec<TensorSpec> {
    let width = i64::try_from(width).unwrap_or(-1);
    vec![TensorSpec { name: name.to_owned(), datatype, shape: vec![-1, width] }]
}

fn doubles(name: &str, shape: Vec<u64>, values: &[f64]) -> Result<Tensor, ItemError> {
    let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new(name, Datatype::Fp64, shape, TensorData::Fixed(data))
}
