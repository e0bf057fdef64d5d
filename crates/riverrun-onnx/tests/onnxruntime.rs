//! Models that ONNX Runtime computes, where its library is installed.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(feature = "onnxruntime")]

mod recorded;

use recorded::{assert_close, assert_same_bits_in_any_batch, calls, fixture, load};
use riverrun_onnx::{Array, BackendKind, OnnxModel, OnnxOptions, Tensors, available};
use riverrun_runner::{Compute, Runner};

/// Tests of what is not part of this program need it installed: `cargo xtask test` does that, and says where.
fn installed() -> bool {
    match available(BackendKind::OnnxRuntime) {
        Ok(()) => true,
        Err(error) => {
            assert!(std::env::var_os("ORT_DYLIB_PATH").is_none(), "{error}");
            eprintln!("not tested: {error}");
            false
        }
    }
}

#[test]
fn outputs_are_those_that_were_recorded() {
    if !installed() {
        return;
    }
    for name in [
        "two-inputs",
        "dense",
        "image",
        "second-dimension",
        "types",
        "external",
        "crayfish-ffnn",
        "determinant",
        "sklearn-forest",
        "sklearn-logistic",
        "sklearn-boosting",
    ] {
        let model = load(name, BackendKind::OnnxRuntime);
        for call in calls(name) {
            let outputs = model.compute(call.inputs, &Compute::single()).unwrap();
            assert_close(name, &outputs, &call.outputs);
        }
    }
}

#[test]
fn a_model_that_quantizes_by_the_range_of_a_batch_computes_items_one_by_one() {
    if !installed() {
        return;
    }
    assert_same_bits_in_any_batch("dynamic-quantization", BackendKind::OnnxRuntime);
}

#[test]
fn it_is_chosen_where_rten_lacks_an_operator_or_a_precision_and_only_there() {
    if !installed() {
        return;
    }
    assert_eq!(OnnxModel::load(fixture("determinant.onnx")).unwrap().backend(), BackendKind::OnnxRuntime);
    assert_eq!(OnnxModel::load(fixture("sklearn-forest.onnx")).unwrap().backend(), BackendKind::OnnxRuntime);
    assert_eq!(OnnxModel::load(fixture("dense.onnx")).unwrap().backend(), BackendKind::Rten);

    // It takes numbers in double precision, which RTen rounds.
    assert_eq!(OnnxModel::load(fixture("types.onnx")).unwrap().backend(), BackendKind::OnnxRuntime);

    let error = OnnxModel::load(fixture("unknown-operator.onnx")).unwrap_err().to_string();
    assert!(error.contains("the backend onnxruntime cannot compute") && error.contains("Riverbed"), "{error}");
}

#[test]
fn a_runner_batches_scikit_learn() {
    if !installed() {
        return;
    }
    let runner = Runner::new("forest", load("sklearn-forest", BackendKind::OnnxRuntime));
    runner.init_local().unwrap();
    let call = calls("sklearn-forest").pop().unwrap();
    let rows = call.inputs.elements::<f32>("x").unwrap();

    let results = runner.run_batch(rows.chunks(4).map(<[f32]>::to_vec).collect::<Vec<_>>()).unwrap();

    let labels: Vec<i64> =
        results.iter().flat_map(|result| result.as_ref().unwrap().elements::<i64>("label").unwrap().to_vec()).collect();
    assert_eq!(labels, call.outputs.elements::<i64>("label").unwrap());
}

#[test]
fn outputs_beside_those_that_are_no_tensors_can_be_had() {
    if !installed() {
        return;
    }
    let options = OnnxOptions::new().outputs(["output_label"]);
    let model = OnnxModel::load_with(fixture("sklearn-zipmap.onnx"), &options).unwrap();
    let row = Tensors::new().with("x", Array::new([1, 4], vec![0.0_f32; 4]).unwrap());
    assert_eq!(model.compute(row, &Compute::single()).unwrap().get("output_label").unwrap().shape(), [1]);
}

#[test]
fn many_threads_may_call_it_at_once() {
    if !installed() {
        return;
    }
    let runner = Runner::new("dense", load("dense", BackendKind::OnnxRuntime));
    runner.init_local().unwrap();
    let expected = runner.run(vec![0.25_f32; 24]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_close("dense", &runner.run(vec![0.25_f32; 24]).unwrap(), &expected);
                }
            });
        }
    });
}
