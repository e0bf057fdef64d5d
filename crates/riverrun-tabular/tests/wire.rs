//! Rows as JSON and as tensors.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use riverrun_runner::wire::{Datatype, Payload, Portable, Tensor, TensorData};
use riverrun_tabular::{Predictions, Table, TreeModel};
use serde_json::{Value, json};

fn from(value: Value) -> Result<Table, String> {
    TreeModel::from_payload(Payload::Value(value)).map_err(|error| error.to_string())
}

#[test]
fn rows_survive_as_json_with_null_for_what_is_missing() {
    let tables = [json!([1.0, null, 3.5]), json!([[1.0, null], [2.0, 3.0]]), json!({"age": 30.0, "hours": null})];
    for value in tables {
        let table = from(value.clone()).unwrap();
        assert_eq!(TreeModel::to_payload(&table), Payload::Value(value));
    }
    assert_eq!(TreeModel::to_payload(&Table::from(vec![0.5_f32, f32::NAN])), Payload::Value(json!([0.5, null])));
}

#[test]
fn infinities_are_not_taken_for_what_is_missing() {
    let rows = Table::rows_f64(vec![f64::INFINITY, f64::NEG_INFINITY, 1.0, 2.0], 2).unwrap();
    for table in [rows, Table::named([("age", f64::INFINITY)])] {
        let Payload::Value(value) = TreeModel::to_payload(&table) else { panic!("no value") };
        assert_eq!(from(value).unwrap(), table);
    }
    let narrow = TreeModel::to_payload(&Table::from(vec![f32::NEG_INFINITY, f32::NAN]));
    assert_eq!(narrow, Payload::Value(json!(["-Infinity", null])));
    assert!(from(json!(["infinite"])).unwrap_err().contains("a row is wanted"));
}

#[test]
fn what_is_no_row_is_told_what_is_wanted() {
    for wrong in
        [json!("x"), json!(1), json!(["x"]), json!([[1.0], [1.0, 2.0]]), json!({"age": "old"}), json!([[1], 2])]
    {
        let error = from(wrong).unwrap_err();
        assert!(error.contains("a row is wanted"), "{error}");
    }
}

#[test]
fn a_tensor_of_rows_is_an_item_each() {
    let tensor = Tensor::fp32("x", &[1.0, 2.0, 3.0, 4.0]).reshape(vec![2, 2]).unwrap();
    let rows = TreeModel::inputs_from_tensors(vec![tensor]).unwrap();
    assert_eq!(rows, [Table::from(vec![1.0_f32, 2.0]), Table::from(vec![3.0_f32, 4.0])]);

    let back = TreeModel::inputs_to_tensors(&rows.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!((back[0].shape(), back[0].datatype()), ([2_u64, 2].as_slice(), Datatype::Fp64));
    let again = TreeModel::inputs_from_tensors(back).unwrap();
    assert_eq!(again, [Table::from(vec![1.0_f64, 2.0]), Table::from(vec![3.0_f64, 4.0])]);
}

#[test]
fn tensors_of_another_shape_or_type_are_refused() {
    let refused = |tensors| TreeModel::inputs_from_tensors(tensors).unwrap_err().to_string();
    assert!(refused(vec![Tensor::fp32("x", &[1.0])]).contains("[rows, features] is wanted"));
    assert!(refused(Vec::new()).contains("0 came"));
    let words = Tensor::strings("x", vec![b"a".to_vec()]).reshape(vec![1, 1]).unwrap();
    assert!(refused(vec![words]).contains("FP32 is wanted"));
    let empty = Tensor::new("x", Datatype::Fp32, vec![3, 0], TensorData::Fixed(Vec::new())).unwrap();
    assert!(refused(vec![empty]).contains("rows without features"));
    let two = Table::rows(vec![1.0, 2.0], 2).unwrap();
    assert!(TreeModel::inputs_to_tensors(&[&two]).unwrap_err().to_string().contains("2 rows"));
}

#[test]
fn predictions_survive_as_tensors_and_as_json() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/xgboost-softprob.ubj");
    let model = TreeModel::load(path).unwrap();
    let outputs: Vec<Predictions> = [[0.1_f32; 8], [0.9; 8]]
        .iter()
        .map(|row| model.predict_table(&Table::from(row.as_slice()), &riverrun_runner::Compute::single()).unwrap())
        .collect();

    let tensors = TreeModel::outputs_to_tensors(&outputs.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(TreeModel::outputs_from_tensors(tensors.clone(), 2).unwrap(), outputs);
    assert!(TreeModel::outputs_from_tensors(tensors, 3).is_err());
    let json = serde_json::to_string(&outputs).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Predictions>>(&json).unwrap(), outputs);
}
