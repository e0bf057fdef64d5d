//! Models that RTen computes.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod recorded;

use recorded::{assert_close, assert_same_bits_in_any_batch, bits, calls, fixture, items, load};
use riverrun_onnx::{Array, BackendKind, BatchDimension, OnnxError, OnnxModel, OnnxOptions, Tensors};
use riverrun_runner::{Compute, Runnable, Runner};

const MODELS: [&str; 8] =
    ["dynamic-quantization", "two-inputs", "dense", "image", "second-dimension", "types", "external", "crayfish-ffnn"];

#[test]
fn outputs_are_those_of_onnx_runtime() {
    for name in MODELS {
        let model = load(name, BackendKind::Rten);
        for call in calls(name) {
            let outputs = model.compute(call.inputs, &Compute::single()).unwrap();
            assert_close(name, &outputs, &call.outputs);
        }
    }
}

#[test]
fn an_item_has_the_same_bits_alone_and_in_batches_of_any_size() {
    for name in ["dense", "crayfish-ffnn", "uneven"] {
        assert_same_bits_in_any_batch(name, BackendKind::Rten);
    }
}

#[test]
fn a_model_that_quantizes_by_the_range_of_a_batch_computes_items_one_by_one() {
    let model = load("dynamic-quantization", BackendKind::Rten);
    assert_eq!(model.batch_dimension(), None);
    assert_same_bits_in_any_batch("dynamic-quantization", BackendKind::Rten);

    let along = OnnxOptions::new().batch_dimension(BatchDimension::At(0));
    let asked = OnnxModel::load_with(fixture("dynamic-quantization.onnx"), &along).unwrap();
    assert_eq!(asked.batch_dimension(), Some(0));
}

#[test]
fn items_of_different_shapes_are_batched_with_their_like() {
    let runner = Runner::new("sums", load("two-inputs", BackendKind::Rten));
    runner.init_local().unwrap();
    let item =
        |numbers: &[f32]| Tensors::new().with("left", numbers.to_vec()).with("right", vec![1.0_f32; numbers.len()]);

    let results = runner.run_batch(vec![item(&[1.0]), item(&[1.0, 2.0]), item(&[5.0]), item(&[3.0, 4.0])]).unwrap();

    let sums: Vec<_> =
        results.iter().map(|result| result.as_ref().unwrap().elements::<f32>("sum").unwrap().to_vec()).collect();
    assert_eq!(sums, [vec![2.0], vec![2.0, 3.0], vec![6.0], vec![4.0, 5.0]]);
    assert_eq!(results[3].as_ref().unwrap().elements::<i64>("best").unwrap(), [1]);
    assert_eq!(results[3].as_ref().unwrap().get("best").unwrap().shape(), [0; 0]);
}

#[test]
fn the_batch_is_along_the_dimension_that_the_file_leaves_open() {
    let open =
        |name: &str, options: OnnxOptions| OnnxModel::load_with(fixture(name), &options).unwrap().batch_dimension();
    assert_eq!(open("dense.onnx", OnnxOptions::new()), Some(0));
    assert_eq!(open("image.onnx", OnnxOptions::new()), None);
    assert_eq!(open("no-batch.onnx", OnnxOptions::new()), None);
    let second = OnnxOptions::new().batch_dimension(BatchDimension::At(1));
    assert_eq!(open("second-dimension.onnx", second), Some(1));

    let third = OnnxOptions::new().batch_dimension(BatchDimension::At(2));
    let error = OnnxModel::load_with(fixture("second-dimension.onnx"), &third).unwrap_err().to_string();
    assert!(error.contains("has no batch dimension 2") && error.contains("[time, batch, 2]"), "{error}");
}

#[test]
fn items_are_put_together_along_another_dimension_than_the_first() {
    let options = OnnxOptions::new().batch_dimension(BatchDimension::At(1));
    let model = OnnxModel::load_with(fixture("second-dimension.onnx"), &options).unwrap();
    let item = |base: f32| Tensors::from(Array::new([2, 2], vec![base, base + 1.0, base + 2.0, base + 3.0]).unwrap());
    let batch = [0.0, 10.0, 20.0].map(|base| model.prepare(item(base)).unwrap().value).to_vec();

    let outputs = model.run(batch, &Compute::single()).unwrap();

    let totals: Vec<_> =
        outputs.iter().map(|output| output.as_ref().unwrap().elements::<f32>("total").unwrap()).collect();
    assert_eq!(totals, [[2.0, 4.0], [22.0, 24.0], [42.0, 44.0]]);
}

#[test]
fn items_of_a_model_for_one_at_a_time_are_computed_one_by_one() {
    let runner = Runner::new("image", load("image", BackendKind::Rten));
    runner.init_local().unwrap();
    runner.warm_up().unwrap();
    let calls = calls("image");
    let images: Vec<Tensors> = calls.iter().map(|call| items(&call.inputs).remove(0)).collect();

    let results = runner.run_batch(images).unwrap();

    for (result, call) in results.into_iter().zip(&calls) {
        let features = result.unwrap();
        assert_eq!(features.get("features").unwrap().shape(), [4]);
        let expected = Tensors::new()
            .with("features", Array::new([4], call.outputs.elements::<f32>("features").unwrap().to_vec()).unwrap());
        assert_close("image", &features, &expected);
    }
}

#[test]
fn a_model_without_a_batch_takes_whole_tensors() {
    let runner = Runner::new("mean", OnnxModel::load(fixture("no-batch.onnx")).unwrap());
    runner.init_local().unwrap();
    let mean = runner.run(Array::new([3, 2], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap()).unwrap();
    assert_eq!(mean.elements::<f32>("mean").unwrap(), [3.5]);
}

#[test]
fn a_flat_item_is_put_into_the_shape_that_the_model_takes() {
    let runner = Runner::new("digits", load("crayfish-ffnn", BackendKind::Rten));
    runner.init_local().unwrap();
    let call = calls("crayfish-ffnn").remove(0);
    let pixels = call.inputs.first().unwrap().elements::<f32>().unwrap().to_vec();

    let digits = runner.run(pixels.clone()).unwrap();

    let expected = Tensors::new().with("output", call.outputs.elements::<f32>("output").unwrap().to_vec());
    assert_close("crayfish-ffnn", &digits, &expected);
    let error = runner.run(pixels[..783].to_vec()).unwrap_err().to_string();
    assert!(error.contains("the input `input` has the shape [783], [1, 784] is wanted"), "{error}");
}

#[test]
fn an_output_that_is_not_one_part_for_each_item_is_named() {
    let runner = Runner::new("mean", OnnxModel::load(fixture("not-one-each.onnx")).unwrap());
    runner.init_local().unwrap();
    let error = runner.run(vec![1.0_f32, 2.0]).unwrap_err().to_string();
    assert!(error.contains("the output `mean` of 2 items has the shape [1, 2]"), "{error}");
}

#[test]
fn tensors_that_do_not_fit_are_told_what_is_wanted() {
    let model = load("two-inputs", BackendKind::Rten);
    let refused = |tensors: Tensors| model.prepare(tensors).unwrap_err().to_string();
    let left = || Tensors::new().with("left", vec![1.0_f32]);

    assert!(refused(left()).contains("the input `right` is missing; the model takes `left`, `right`"));
    assert!(
        refused(left().with("wrong", vec![1.0_f32]))
            .contains("the model has no input `wrong`; it takes `left`, `right`")
    );
    assert!(refused(left().with("right", vec![true])).contains("the input `right` is of type BOOL, FP32 is wanted"));
    let square = Array::new([1, 1], vec![1.0_f32]).unwrap();
    assert!(refused(left().with("right", square)).contains("`right` has the shape [1, 1], [width] is wanted"));
    assert!(refused(vec![1.0_f32].into()).contains("several inputs, and a tensor came without a name"));
}

#[test]
fn one_item_that_does_not_fit_fails_alone() {
    let runner = Runner::new("dense", load("dense", BackendKind::Rten));
    runner.init_local().unwrap();
    let results = runner.run_batch(vec![vec![0.5_f32; 24], vec![0.5; 23], vec![0.1; 24]]).unwrap();
    assert!(results[0].is_ok() && results[1].is_err() && results[2].is_ok());
}

#[test]
fn integers_that_rten_cannot_hold_are_refused() {
    let model = load("types", BackendKind::Rten);
    let inputs = Tensors::new()
        .with("d", Array::new([1, 2], vec![0.0_f64; 2]).unwrap())
        .with("i", Array::new([1, 2], vec![1_i64 << 40, 0]).unwrap())
        .with("b", Array::new([1, 2], vec![true; 2]).unwrap());
    let error = model.compute(inputs, &Compute::single()).unwrap_err();
    assert!(matches!(error, OnnxError::Run { .. }) && error.to_string().contains("1099511627776"), "{error}");
}

#[test]
fn numbers_that_would_become_infinite_are_refused_and_infinities_are_not() {
    let model = load("types", BackendKind::Rten);
    let of = |number: f64| {
        let inputs = Tensors::new()
            .with("d", Array::new([1, 2], vec![number, 0.0]).unwrap())
            .with("i", Array::new([1, 2], vec![1_i64, 0]).unwrap())
            .with("b", Array::new([1, 2], vec![true; 2]).unwrap());
        model.compute(inputs, &Compute::single())
    };
    for number in [1e300, -f64::from(f32::MAX) * 1.001] {
        let error = of(number).unwrap_err().to_string();
        assert!(error.contains("32-bit floats and cannot take") && error.contains(&format!("{number:e}")), "{error}");
    }
    assert_eq!(of(f64::INFINITY).unwrap().elements::<f32>("total").unwrap()[0], f32::INFINITY);

    // Numbers of JSON are in double precision.
    let dense = load("dense", BackendKind::Rten);
    let error = dense.prepare(vec![1e39_f64; 24].into()).unwrap_err().to_string();
    assert!(error.contains("the input `x` is of type FP32, which cannot hold 1e39"), "{error}");
}

#[test]
fn the_same_bits_come_from_any_number_of_threads() {
    let runner = Runner::new("dense", load("dense", BackendKind::Rten));
    runner.init_local().unwrap();
    let model = load("dense", BackendKind::Rten);
    let call = calls("dense").pop().unwrap();
    let items = items(&call.inputs);
    let single: Vec<_> = items
        .iter()
        .map(|item| {
            let item = model.prepare(item.clone()).unwrap().value;
            bits(&model.run(vec![item], &Compute::single()).unwrap().remove(0).unwrap())
        })
        .collect();

    // On as many threads as are idle.
    let shared: Vec<_> = runner.run_batch(items).unwrap().into_iter().map(|result| bits(&result.unwrap())).collect();

    assert_eq!(shared, single);
}
