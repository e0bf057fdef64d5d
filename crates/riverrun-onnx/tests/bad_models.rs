//! Files that are no models, or none that can be computed.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod recorded;

use std::path::Path;

use recorded::fixture;
use riverrun_onnx::{BackendKind, OnnxError, OnnxModel, OnnxOptions};

fn rten(path: impl AsRef<Path>) -> OnnxError {
    OnnxModel::load_with(path, &OnnxOptions::new().backend(BackendKind::Rten)).unwrap_err()
}

fn copy(name: &str, to: &Path) {
    std::fs::copy(fixture(name), to.join(name)).unwrap();
}

#[test]
fn an_operator_that_rten_lacks_is_named_with_the_backend_that_has_it() {
    for (model, operator) in
        [("determinant", "Det"), ("sklearn-forest", "TreeEnsembleClassifier"), ("unknown-operator", "Riverbed")]
    {
        let error = rten(fixture(&format!("{model}.onnx"))).to_string();
        assert!(error.contains("the backend rten cannot compute") && error.contains(operator), "{error}");
        assert!(error.contains("the backend onnxruntime"), "{error}");
    }
}

#[test]
fn types_that_are_not_taken_are_named() {
    let error = OnnxModel::load(fixture("half.onnx")).unwrap_err().to_string();
    assert!(error.contains("takes `x`, a tensor of type FLOAT16"), "{error}");
    let error = OnnxModel::load(fixture("sklearn-zipmap.onnx")).unwrap_err().to_string();
    assert!(error.contains("a sequence or a map") && error.contains("zipmap=False"), "{error}");
}

#[test]
fn outputs_that_are_not_there_are_refused() {
    let options = OnnxOptions::new().outputs(["sum", "product"]);
    let error = OnnxModel::load_with(fixture("two-inputs.onnx"), &options).unwrap_err().to_string();
    assert!(error.contains("gives no `product`; its outputs are sum, best, more"), "{error}");

    let some = OnnxModel::load_with(fixture("two-inputs.onnx"), &OnnxOptions::new().outputs(["best"])).unwrap();
    assert_eq!(some.outputs().len(), 1);
}

#[test]
fn no_truncated_file_is_taken_for_a_model() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut.onnx");
    for name in ["dense.onnx", "two-inputs.onnx", "crayfish-ffnn.onnx"] {
        let whole = std::fs::read(fixture(name)).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 40) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(
                OnnxModel::load_with(&path, &OnnxOptions::new().backend(BackendKind::Rten)).is_err(),
                "{name} cut to {length}"
            );
        }
    }
    assert!(rten(fixture("README.md")).to_string().contains("is not a whole ONNX model"));
    std::fs::write(&path, "").unwrap();
    assert!(rten(&path).to_string().contains("it is empty"));
}

#[test]
fn graphs_and_types_that_are_nested_without_end_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep.onnx");
    // From the innermost outwards: a graph in an attribute of a node of a graph; a type of a sequence's elements.
    let graphs = nested(&[6, 5, 1], b"");
    let types = message(11, &message(2, &nested(&[1, 4], b"")));
    for graph in [graphs, types] {
        std::fs::write(&path, join(&[&message(8, b"\x10\x11"), &message(7, &graph)])).unwrap();
        let error = rten(&path).to_string();
        assert!(error.contains("is not a whole ONNX model") && error.contains("nested more than 32 deep"), "{error}");
    }
}

/// The innermost bytes in 100,000 messages each inside the next, as fields of these numbers by turns.
fn nested(numbers: &[u8], innermost: &[u8]) -> Vec<u8> {
    // Backwards, since a message's head stands before all that is in it.
    let mut backwards: Vec<u8> = innermost.iter().rev().copied().collect();
    for number in numbers.iter().cycle().take(99_999 / numbers.len() * numbers.len()) {
        let head: Vec<u8> = message_head(*number, backwards.len());
        backwards.extend(head.iter().rev());
    }
    backwards.reverse();
    backwards
}

fn message_head(number: u8, mut length: usize) -> Vec<u8> {
    let mut head = vec![number << 3 | 2];
    loop {
        let low = u8::try_from(length & 0x7f).unwrap();
        length >>= 7;
        head.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return head;
        }
    }
}

/// A field of this number, below 16, that holds a message or a text.
fn message(number: u8, content: &[u8]) -> Vec<u8> {
    join(&[&message_head(number, content.len()), content])
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn external_weights_that_are_missing_or_too_short_are_named() {
    let directory = tempfile::tempdir().unwrap();
    copy("external.onnx", directory.path());
    let model = directory.path().join("external.onnx");

    let missing = rten(&model).to_string();
    assert!(missing.contains("keeps the weights `w` in `external.data`, which cannot be read"), "{missing}");

    std::fs::write(directory.path().join("external.data"), [0; 100]).unwrap();
    let short = rten(&model).to_string();
    assert!(short.contains("which has 100 bytes and should have more"), "{short}");

    copy("external.data", directory.path());
    assert!(OnnxModel::load(&model).is_ok());
}

#[test]
fn external_weights_outside_the_directory_are_never_read() {
    let whole = std::fs::read(fixture("external.onnx")).unwrap();
    let at = whole.windows(13).position(|window| window == b"external.data").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("model");
    std::fs::create_dir(&home).unwrap();
    copy("external.data", directory.path());
    // Names of the same length, so that the file stays whole.
    for location in [b"../outside.da", b"/etc/hostname", b"a/../../b.dat", b"..\\outside\\wg"] {
        let mut changed = whole.clone();
        changed[at..at + 13].copy_from_slice(&location[..13]);
        std::fs::write(home.join("external.onnx"), changed).unwrap();
        let error = rten(home.join("external.onnx")).to_string();
        assert!(error.contains("not inside the model's directory and is never read"), "{error}");
    }
}

/// A tensor of one FLOAT, kept at this place.
fn kept_at(location: &str) -> Vec<u8> {
    let entry = join(&[&message(1, b"location"), &message(2, location.as_bytes())]);
    join(&[b"\x08\x01\x10\x01", &message(8, b"kept"), &message(13, &entry), b"\x70\x01"])
}

/// As [`message`], with a number from 16 on.
fn far_message(number: u8, content: &[u8]) -> Vec<u8> {
    let length = message_head(0, content.len()).split_off(1);
    join(&[&[(number & 15) << 3 | 0x82, number >> 4], &length, content])
}

/// Models that keep a tensor elsewhere in each of the places where one can be.
fn models_with(tensor: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let node = |value: &[u8]| {
        let attribute = message(5, &join(&[&message(1, b"value"), value]));
        join(&[&message(2, b"y"), &message(4, b"Constant"), &attribute])
    };
    let graph = |value: &[u8]| message(1, &node(value));
    let output = message(12, &join(&[&message(1, b"y"), &message(2, &message(1, b"\x08\x01\x12\x02\x0a\x00"))]));
    let model = |graph: &[u8], more: &[u8]| {
        join(&[b"\x08\x08", &message(7, &join(&[graph, &output])), more, &message(8, b"\x10\x11")])
    };
    let harmless = graph(&message(5, b"\x08\x01\x10\x01"));
    let (inner, sparse) = (graph(&message(5, tensor)), message(1, tensor));
    let function = join(&[&message(1, b"f"), &message(7, &node(&message(5, tensor)))]);
    vec![
        ("an initializer", model(&join(&[&harmless, &message(5, tensor)]), b"")),
        ("an attribute", model(&inner, b"")),
        ("an attribute's list", model(&graph(&message(10, tensor)), b"")),
        ("a graph of an attribute", model(&graph(&message(6, &inner)), b"")),
        ("a graph in an attribute's list", model(&graph(&message(11, &inner)), b"")),
        ("a sparse initializer", model(&join(&[&harmless, &message(15, &sparse)]), b"")),
        ("a sparse attribute", model(&graph(&far_message(22, &sparse)), b"")),
        ("a function", model(&harmless, &far_message(25, &function))),
        ("a graph of the training", model(&harmless, &far_message(20, &message(2, &inner)))),
    ]
}

#[test]
fn external_weights_outside_the_directory_are_never_read_wherever_in_the_model_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("model");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(directory.path().join("outside.data"), [0; 4]).unwrap();
    std::fs::write(home.join("inside.data"), [0; 4]).unwrap();
    let path = home.join("model.onnx");
    let load = |model: &[u8], backend: BackendKind| {
        std::fs::write(&path, model).unwrap();
        OnnxModel::load_with(&path, &OnnxOptions::new().backend(backend))
            .map_or_else(|error| error.to_string(), |_| String::new())
    };

    for backend in [BackendKind::Rten, BackendKind::OnnxRuntime] {
        for (place, model) in models_with(&kept_at("../outside.data")) {
            let error = load(&model, backend);
            assert!(error.contains("the weights `kept` in `../outside.data`, which is not inside"), "{place}: {error}");
        }
        for (place, model) in models_with(&kept_at("inside.data")) {
            let error = load(&model, backend);
            assert!(!error.contains("the weights `kept`") && !error.contains("not a whole"), "{place}: {error}");
        }
        // Some take the last of several places, and parts of one message as one.
        let twice = [kept_at("inside.data"), kept_at("../outside.data")].concat();
        for (place, model) in models_with(&twice) {
            assert!(load(&model, backend).contains("several entries `location`"), "{place}");
        }
    }
}

#[test]
fn external_weights_under_a_name_that_rten_does_not_take_are_named() {
    let whole = std::fs::read(fixture("external.onnx")).unwrap();
    let at = whole.windows(13).position(|window| window == b"external.data").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut changed = whole;
    changed[at..at + 13].copy_from_slice(b"external.bins");
    std::fs::write(directory.path().join("external.onnx"), changed).unwrap();
    std::fs::copy(fixture("external.data"), directory.path().join("external.bins")).unwrap();

    let error = rten(directory.path().join("external.onnx")).to_string();

    assert!(error.contains("*.data or *.onnx_data") && error.contains("external.bins"), "{error}");
    assert!(error.contains("the backend onnxruntime"), "{error}");
}

#[cfg(unix)]
#[test]
fn external_weights_behind_a_link_that_leads_out_are_never_read() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("model");
    std::fs::create_dir(&home).unwrap();
    copy("external.onnx", &home);
    copy("external.data", directory.path());
    std::os::unix::fs::symlink(directory.path().join("external.data"), home.join("external.data")).unwrap();

    let error = rten(home.join("external.onnx")).to_string();

    assert!(error.contains("not inside the model's directory"), "{error}");
}

#[test]
fn a_directory_is_its_only_model_or_the_one_with_the_usual_name() {
    let directory = tempfile::tempdir().unwrap();
    let load = || OnnxModel::load(directory.path());
    assert!(load().unwrap_err().to_string().contains("holds no .onnx file"));

    copy("dense.onnx", directory.path());
    assert!(load().unwrap().path().ends_with("dense.onnx"));
    copy("image.onnx", directory.path());
    assert!(load().unwrap_err().to_string().contains("holds dense.onnx and image.onnx"));
    std::fs::copy(fixture("image.onnx"), directory.path().join("model.onnx")).unwrap();
    assert!(load().unwrap().path().ends_with("model.onnx"));

    let error = OnnxModel::load("no/such/model.onnx").unwrap_err().to_string();
    assert!(error.contains("no/such/model.onnx cannot be read"), "{error}");
}

#[test]
fn a_backend_that_is_none_is_refused() {
    assert_eq!("ort".parse(), Ok(BackendKind::OnnxRuntime));
    assert!("tract".parse::<BackendKind>().unwrap_err().to_string().contains("there are rten and onnxruntime"));
}
