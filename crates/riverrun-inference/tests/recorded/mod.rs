//! What `transformers` gave for a fixture's inputs, and how it is compared.

// Each test binary uses what it needs.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use riverrun_inference::Task;
use riverrun_runner::Compute;
use riverrun_runner::wire::Payload;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) input: Value,
    pub(crate) output: Value,
}

pub(crate) fn cases(record: &Path) -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(&std::fs::read_to_string(record).unwrap()).unwrap();
    assert!(!cases.is_empty());
    cases
}

/// Computes all inputs as one batch, as they come from the wire.
pub(crate) fn run<T: Task>(task: &T, inputs: &[Value]) -> Vec<Result<Value, String>> {
    let prepared: Vec<_> = inputs
        .iter()
        .map(|input| {
            let input =
                T::from_payload(Payload::from(input.clone())).unwrap_or_else(|error| panic!("{input}: {error}"));
            task.prepare(input).unwrap().value
        })
        .collect();
    let results = task.run(prepared, &Compute::single()).unwrap();
    results
        .into_iter()
        .map(|result| result.map(|output| serde_json::to_value(output).unwrap()).map_err(|error| error.to_string()))
        .collect()
}

/// The same, but for the last places of numbers.
pub(crate) fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(found), Value::Number(expected)) => {
            (found.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-4 && found.is_f64() == expected.is_f64()
        }
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(found, expected)| same(found, expected))
        }
        (Value::Object(found), Value::Object(expected)) => {
            found.len() == expected.len()
                && expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| same(found, value)))
        }
        _ => found == expected,
    }
}
