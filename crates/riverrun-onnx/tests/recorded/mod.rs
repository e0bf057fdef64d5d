//! What ONNX Runtime computed, from records made by `fixtures/make_fixtures.py`.

#![allow(dead_code, reason = "not every test uses all")]

use std::path::{Path, PathBuf};

use riverrun_onnx::{BackendKind, Elements, OnnxModel, OnnxOptions, Tensors};
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
