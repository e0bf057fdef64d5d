use std::fs;

use proptest::prelude::*;

use super::testing::{bytes, model, tensor, value_info, varint};
use super::*;

fn read_bytes(content: &[u8]) -> Result<OnnxHeader> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.onnx");
    fs::write(&path, content).unwrap();
    read(&path, Path::new("/source/model.onnx"))
}

#[test]
fn inputs_and_outputs_are_read_and_what_has_a_value_is_no_input() {
    let header = read_bytes(&model(None)).unwrap();

    let shown = |specs: &[TensorSpec]| specs.iter().map(TensorSpec::to_string).collect::<Vec<_>>();
    assert_eq!(shown(&header.inputs), ["x: float32 [batch, 4]"]);
    assert_eq!(shown(&header.outputs), ["y: int64 [batch, 4]"]);
    assert!(header.external.is_empty());
}

#[test]
fn real_models_show_what_their_runtime_says_of_them() {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/onnx/crayfish-ffnn.onnx");

    let header = read(Path::new(models), Path::new(models)).unwrap();

    let shown: Vec<_> = header.inputs.iter().chain(&header.outputs).map(TensorSpec::to_string).collect();
    assert_eq!(shown, CRAYFISH);
}

/// As `onnxruntime` lists them: `get_inputs()`, then `get_outputs()`.
const CRAYFISH: [&str; 2] = ["input: float32 [batch_size, 1, 784]", "output: float32 [batch_size, 10]"];

#[test]
fn maps_and_sequences_are_named() {
    // What scikit-learn's classifiers give: sequence(map(int64, float32)).
    let float = bytes(1, varint(1, 1));
    let map = bytes(5, [varint(1, 7), bytes(2, float)].concat());
    let sequence = bytes(4, bytes(1, map));
    let output = [bytes(1, "probabilities"), bytes(2, sequence)].concat();
    let content = [varint(1, 8), bytes(7, bytes(12, output))].concat();

    let header = read_bytes(&content).unwrap();

    assert_eq!(header.outputs[0].to_string(), "probabilities: sequence(map(int64, float32))");
}

#[test]
fn external_data_is_found_wherever_a_tensor_may_be() {
    let constant = bytes(5, bytes(5, tensor("c", Some("in-attribute"))));
    let branch = bytes(5, bytes(6, bytes(5, tensor("b", Some("in-branch")))));
    let sparse = bytes(15, bytes(1, tensor("s", Some("in-sparse"))));
    let graph = [bytes(1, constant), bytes(1, branch), sparse, bytes(11, value_info("x", 1))].concat();
    let function = bytes(25, bytes(7, bytes(5, bytes(5, tensor("f", Some("in-function"))))));
    let training = bytes(20, bytes(1, bytes(5, tensor("t", Some("in-training")))));
    let content = [varint(1, 8), bytes(7, graph), function, training].concat();

    let header = read_bytes(&content).unwrap();

    let expected = ["in-attribute", "in-branch", "in-function", "in-sparse", "in-training"];
    assert_eq!(header.external, BTreeSet::from(expected.map(String::from)));
}

#[test]
fn a_model_that_is_still_to_be_trained_is_read() {
    // `StringStringEntryProto`: the name of an initializer, and that of an output that becomes its value.
    let binding = |value: &str| [bytes(1, "w"), bytes(2, value)].concat();
    let initialization = bytes(1, bytes(5, tensor("w0", Some("in-initialization"))));
    let algorithm = bytes(2, bytes(5, tensor("step", Some("in-algorithm"))));
    let training = [initialization, algorithm, bytes(3, binding("w0")), bytes(4, binding("w_new"))].concat();

    let header = read_bytes(&[model(None), bytes(20, training)].concat()).unwrap();

    assert_eq!(header.external, BTreeSet::from(["in-algorithm", "in-initialization"].map(String::from)));
    assert_eq!((header.inputs.len(), header.outputs.len()), (1, 1));
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused_by_its_name() {
    let whole = model(Some("w.data"));

    for cut in 0..whole.len() {
        let message = read_bytes(&whole[..cut]).unwrap_err().to_string();
        assert!(message.starts_with("/source/model.onnx is not usable: "), "{message}");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    let mut graph = bytes(5, tensor("w", None));
    for _ in 0..200 {
        graph = bytes(1, bytes(5, bytes(6, graph)));
    }

    let message = read_bytes(&[varint(1, 8), bytes(7, graph)].concat()).unwrap_err().to_string();

    assert!(message.contains("nested more than 64 deep"), "{message}");
}

proptest! {
    #[test]
    fn mutated_models_are_read_or_refused_and_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut content = model(Some("w.data"));
        for (place, byte) in changes {
            let place = place.index(content.len());
            content[place] = byte;
        }
        content.truncate(cut.index(content.len() + 1));

        if let Err(error) = read_bytes(&content) {
            prop_assert!(matches!(error, Error::UnusableFile { .. }), "{}", error);
        }
    }
}
