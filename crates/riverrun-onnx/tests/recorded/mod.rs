//! What ONNX Runtime computed, from records made by `fixtures/make_fixtures.py`.

#![allow(dead_code, reason = "not every test uses all")]

use std::path::{Path, PathBuf};

use riverrun_onnx::{Array, BackendKind, Elements, OnnxModel, OnnxOptions, Tensors};
use riverrun_runner::{Compute, Runnable};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Call {
    pub(crate) inputs: Tensors,
    pub(crate) outputs: Tensors,
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub(crate) fn calls(name: &str) -> Vec<Call> {
    let bytes = std::fs::read(fixture(&format!("{name}.expected.json"))).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub(crate) fn load(name: &str, backend: BackendKind) -> OnnxModel {
    OnnxModel::load_with(fixture(&format!("{name}.onnx")), &OnnxOptions::new().backend(backend)).unwrap()
}

/// Floats within a millionth of the largest, everything else equal.
pub(crate) fn assert_close(name: &str, found: &Tensors, expected: &Tensors) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (output, expected) in expected.iter() {
        let found = found.get(output).unwrap();
        assert_eq!(found.shape(), expected.shape(), "{name}: {output}");
        match (found.data(), expected.data()) {
            (Elements::F32(found), Elements::F32(expected)) => {
                let most = expected.iter().fold(1e-3_f32, |most, number| most.max(number.abs()));
                let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 2e-6 * most);
                assert!(close, "{name}: {output}: {found:?} instead of {expected:?}");
            }
            (found, expected) => assert_eq!(found, expected, "{name}: {output}"),
        }
    }
}

/// The items of a batch, without the batch's dimension, which is the first.
pub(crate) fn items(inputs: &Tensors) -> Vec<Tensors> {
    let count = inputs.first().unwrap().shape()[0];
    let part = |item: usize| {
        inputs.iter().fold(Tensors::new(), |tensors, (name, array)| {
            let width = array.len() / count;
            let numbers = array.elements::<f32>().unwrap()[item * width..(item + 1) * width].to_vec();
            tensors.with(name, Array::new(array.shape()[1..].to_vec(), numbers).unwrap())
        })
    };
    (0..count).map(part).collect()
}

pub(crate) fn bits(tensors: &Tensors) -> Vec<u32> {
    tensors.first().unwrap().elements::<f32>().unwrap().iter().map(|number| number.to_bits()).collect()
}

/// The items of the last recorded call.
pub(crate) fn assert_same_bits_in_any_batch(name: &str, backend: BackendKind) {
    let model = load(name, backend);
    let items = items(&calls(name).pop().unwrap().inputs);
    let prepared: Vec<_> = items.into_iter().map(|item| model.prepare(item).unwrap().value).collect();
    let alone: Vec<Tensors> = prepared
        .iter()
        .map(|item| model.run(vec![item.clone()], &Compute::single()).unwrap().remove(0).unwrap())
        .collect();

    for size in 1..=prepared.len() {
        for (batch, alone) in prepared.chunks(size).zip(alone.chunks(size)) {
            let together = model.run(batch.to_vec(), &Compute::single()).unwrap();
            for (together, alone) in together.into_iter().zip(alone) {
                assert_eq!(bits(&together.unwrap()), bits(alone), "{backend}: {name} in batches of {size}");
            }
        }
    }
}
