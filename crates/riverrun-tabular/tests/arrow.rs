//! Columns in, columns out.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, cast::AsArray,
};
use riverrun_runner::Compute;
use riverrun_tabular::TreeModel;

fn model(name: &str) -> TreeModel {
    TreeModel::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn columns(skip: &str) -> RecordBatch {
    let columns: [(&str, ArrayRef); 9] = [
        ("note", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("score", Arc::new(Float64Array::from(vec![0.5, -1.0]))),
        ("age", Arc::new(Float32Array::from(vec![Some(0.25), None]))),
        ("hours", Arc::new(Float64Array::from(vec![1.0, 2.0]))),
        ("gain", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("loss", Arc::new(Float64Array::from(vec![0.0, 0.0]))),
        ("level", Arc::new(Int64Array::from(vec![Some(-2), None]))),
        ("kind", Arc::new(Int64Array::from(vec![17, 3]))),
        ("ratio", Arc::new(Float64Array::from(vec![0.0, 1.0]))),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().filter(|(name, _)| *name != skip).map(|(name, column)| (name, column, true)),
    )
    .unwrap()
}

#[test]
fn columns_are_found_by_name_and_null_is_missing() {
    let nan = f64::NAN;
    // age, hours, gain, loss, level, kind, ratio, score
    let rows = [0.25, 1.0, 1.0, 0.0, -2.0, 17.0, 0.0, 0.5, nan, 2.0, nan, 0.0, nan, 3.0, 1.0, -1.0];
    for name in ["xgboost-softprob.ubj", "lightgbm-regression.txt"] {
        let model = model(name);

        let predicted = model.predict_batch(&columns(""), &Compute::single()).unwrap();

        let expected = model.predict_f64(&rows, &Compute::single()).unwrap();
        assert_eq!(predicted.num_columns(), model.outputs());
        for (output, column) in predicted.columns().iter().enumerate() {
            let found = column.as_primitive::<Float64Type>().values();
            let own: Vec<f64> = expected.iter().skip(output).step_by(model.outputs()).copied().collect();
            assert_eq!(&found[..], own, "{name}");
        }
    }
}

#[test]
fn a_column_that_is_missing_or_holds_words_is_named() {
    let model = model("xgboost-softprob.ubj");
    let error = model.predict_batch(&columns("ratio"), &Compute::single()).unwrap_err().to_string();
    assert!(error.contains("no column `ratio`"), "{error}");

    let words: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
    let batch = columns("ratio");
    let schema = batch.schema();
    let with = schema.fields().iter().map(|field| field.name().clone()).zip(batch.columns().iter().cloned());
    let batch = RecordBatch::try_from_iter(with.chain([("ratio".to_owned(), words)])).unwrap();
    let error = model.predict_batch(&batch, &Compute::single()).unwrap_err().to_string();
    assert!(error.contains("column `ratio` is of type Utf8"), "{error}");
}

#[test]
fn no_rows_give_no_predictions() {
    let predicted = model("xgboost-binary.ubj").predict_batch(&columns("").slice(0, 0), &Compute::single()).unwrap();
    assert_eq!((predicted.num_rows(), predicted.num_columns()), (0, 1));
}
