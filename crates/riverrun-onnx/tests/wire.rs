//! Tensors as JSON and as those of the Open Inference Protocol.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod recorded;

use recorded::load;
use riverrun_onnx::{Array, BackendKind, OnnxModel, Tensors};
use riverrun_runner::Runnable;
use riverrun_runner::wire::{Datatype, Payload, Portable, Tensor, TensorData};
use serde_json::{Value, json};

fn from(value: Value) -> Result<Tensors, String> {
    OnnxModel::from_payload(value.into()).map_err(|error| error.to_string())
}

#[test]
fn nested_lists_are_tensors_of_the_type_that_their_numbers_have() {
    let first = |value: Value| from(value).unwrap().first().unwrap().clone();
    assert_eq!(first(json!([[1, 2, 3], [4, 5, 6]])), Array::new([2, 3], vec![1_i64, 2, 3, 4, 5, 6]).unwrap());
    assert_eq!(first(json!([0.5, 2])), Array::from(vec![0.5, 2.0]));
    assert_eq!(first(json!([["a"], ["b"]])), Array::new([2, 1], vec!["a".to_owned(), "b".to_owned()]).unwrap());
    assert_eq!(first(json!([true])), Array::from(vec![true]));
    assert_eq!(first(json!(7)), Array::new([], vec![7_i64]).unwrap());
    assert!(first(json!([null])).elements::<f64>().unwrap()[0].is_nan());
}

#[test]
fn what_is_no_tensor_is_told_what_is_wanted() {
    for wrong in [
        json!([[1, 2], [3]]),
        json!([[1], 2]),
        json!([1, [2]]),
        json!([1, "a"]),
        json!({"x": {"shape": [2], "data": {"FP32": [1]}}}),
        json!([{}]),
    ] {
        let error = from(wrong.clone()).unwrap_err();
        assert!(error.contains("a tensor is wanted"), "{wrong}: {error}");
    }
}

#[test]
fn tensors_survive_as_json() {
    let tensors = Tensors::new()
        .with("a", Array::new([2, 1], vec![0.1_f32, 0.2]).unwrap())
        .with("b", vec![i64::MAX, i64::MIN])
        .with("c", vec!["x".to_owned()]);
    let Payload::Value(value) = OnnxModel::to_payload(&tensors) else { panic!("no value") };
    assert_eq!(value["a"], json!({"shape": [2, 1], "data": {"FP32": [0.1_f32, 0.2_f32]}}));
    assert_eq!(from(value).unwrap(), tensors);
}

#[test]
fn numbers_of_json_become_the_types_that_the_model_takes() {
    let model = load("two-inputs", BackendKind::Rten);
    assert!(model.prepare(from(json!({"left": [1, 2], "right": [0.5, 1.5]})).unwrap()).is_ok());
    let error = model.prepare(from(json!({"left": ["a"], "right": [1]})).unwrap()).unwrap_err().to_string();
    assert!(error.contains("`left` is of type BYTES, FP32 is wanted"), "{error}");
}

#[test]
fn the_rows_of_tensors_are_items_and_outputs_are_rows_again() {
    let left = Tensor::fp32("left", &[1.0, 2.0, 3.0, 4.0]).reshape(vec![2, 2]).unwrap();
    let right = Tensor::fp32("right", &[5.0, 6.0, 7.0, 8.0]).reshape(vec![2, 2]).unwrap();

    let items = OnnxModel::inputs_from_tensors(vec![left.clone(), right.clone()]).unwrap();

    assert_eq!(items.len(), 2);
    assert_eq!(items[1], Tensors::new().with("left", vec![3.0_f32, 4.0]).with("right", vec![7.0_f32, 8.0]));
    assert_eq!(OnnxModel::inputs_to_tensors(&items.iter().collect::<Vec<_>>()).unwrap(), [left, right.clone()]);
    let short = Tensor::fp32("left", &[1.0, 2.0]).reshape(vec![1, 2]).unwrap();
    let error = OnnxModel::inputs_from_tensors(vec![right, short]).unwrap_err().to_string();
    assert!(
        error.contains("tensor `left` has the shape [1, 2]; its first dimension has to count the 2 items"),
        "{error}"
    );
}

#[test]
fn every_type_survives_as_a_tensor() {
    let item = Tensors::new()
        .with("a", vec![1.5_f32])
        .with("b", vec![-1.5_f64])
        .with("c", vec![-3_i8])
        .with("d", vec![-300_i16])
        .with("e", vec![-70_000_i32])
        .with("f", vec![i64::MIN])
        .with("g", vec![200_u8])
        .with("h", vec![60_000_u16])
        .with("i", vec![4_000_000_000_u32])
        .with("j", vec![u64::MAX])
        .with("k", vec![true, false])
        .with("l", vec!["é".to_owned(), String::new()]);
    let tensors = OnnxModel::outputs_to_tensors(&[&item, &item]).unwrap();
    assert_eq!((tensors[11].datatype(), tensors[11].shape()), (Datatype::Bytes, [2, 2].as_slice()));
    assert_eq!(OnnxModel::outputs_from_tensors(tensors, 2).unwrap(), [item.clone(), item]);
}

#[test]
fn items_of_different_shapes_cannot_be_one_tensor() {
    let (short, long) = (Tensors::new().with("x", vec![1.0_f32]), Tensors::new().with("x", vec![1.0_f32, 2.0]));
    let error = OnnxModel::inputs_to_tensors(&[&short, &long]).unwrap_err().to_string();
    assert!(error.contains("`x` differ in shape or type"), "{error}");
}

#[test]
fn tensors_that_only_some_items_have_are_named_whichever_comes_first() {
    let one = Tensors::new().with("x", vec![1.0_f32]);
    let more = one.clone().with("mask", vec![1_i64]).with("ids", vec![2_i64]);
    for items in [[&one, &more], [&more, &one]] {
        for error in [OnnxModel::inputs_to_tensors(&items), OnnxModel::outputs_to_tensors(&items)] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains("some of the items lack `ids`, `mask`"), "{error}");
        }
    }
}

#[test]
fn a_shape_alone_makes_no_items() {
    let none = |name: &str, shape: &[u64]| {
        Tensor::new(name, Datatype::Fp32, shape.to_vec(), TensorData::Fixed(Vec::new())).unwrap()
    };
    for shape in [&[1_000_000_000_000, 0][..], &[3, 0], &[2, 0, 1 << 40]] {
        let error = OnnxModel::inputs_from_tensors(vec![none("x", shape)]).unwrap_err().to_string();
        assert!(error.contains("none of the tensors has an element for any"), "{error}");
    }
    let some = Tensor::fp32("y", &[1.0, 2.0]).reshape(vec![2, 1]).unwrap();
    let error = OnnxModel::inputs_from_tensors(vec![none("x", &[1_000_000_000_000, 0]), some.clone()]).unwrap_err();
    assert!(error.to_string().contains("tensor `y` has the shape [2, 1]"), "{error}");

    // Beside others an empty one is as good as any: a cache that nothing is in yet, say.
    let items = OnnxModel::inputs_from_tensors(vec![none("x", &[2, 0]), some]).unwrap();
    assert_eq!(items[1], Tensors::new().with("x", Vec::<f32>::new()).with("y", vec![2.0_f32]));
    assert_eq!(OnnxModel::inputs_from_tensors(vec![none("x", &[0, 3])]).unwrap(), []);
}
