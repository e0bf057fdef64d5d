//! Files that are no models, and tables that do not fit.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use riverrun_runner::Compute;
use riverrun_tabular::{Table, TabularError, TreeModel, TreeOptions};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn refused(bytes: &[u8]) -> String {
    TreeModel::from_bytes(bytes, &TreeOptions::new()).unwrap_err().to_string()
}

#[test]
fn what_is_not_implemented_is_named_with_a_way_out() {
    for (name, what) in [
        ("unsupported-gblinear.json", "the booster `gblinear`"),
        ("unsupported-multi-output-tree.ubj", "multi_strategy=multi_output_tree"),
        ("unsupported-linear-tree.txt", "linear_tree"),
    ] {
        let error = TreeModel::load(path(name)).unwrap_err();
        assert!(matches!(error, TabularError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(what) && error.to_string().contains("train it with"), "{error}");
    }
    let custom = String::from_utf8(fixture("xgboost-regression.json")).unwrap().replace("reg:squarederror", "my:own");
    assert!(refused(custom.as_bytes()).contains("the objective `my:own`"));
}

#[test]
fn files_of_other_kinds_are_refused_by_what_they_are() {
    assert!(refused(b"").contains("it is empty"));
    assert!(refused(b"\x80\x04\x95\x00").contains("a Python pickle, which is never opened"));
    assert!(refused(b"binf\x00\x00").contains("XGBoost's old binary form"));
    assert!(refused(b"PK\x03\x04").contains("neither a JSON or UBJSON model"));
    assert!(refused(b"{}").contains("missing field `learner`"));
    assert!(refused(b"tree\nversion=v4\n\nend of trees\n").contains("its header has no `num_tree_per_iteration`"));
}

#[test]
fn no_truncated_file_is_taken_for_a_model() {
    for name in ["xgboost-categories.ubj", "xgboost-binary-json.json", "lightgbm-categories.txt"] {
        let whole = fixture(name);
        // LightGBM's trees end long before its file does: what comes after is notes of the training.
        let end = whole.windows(12).position(|window| window == b"end of trees").map_or(whole.len() - 1, |at| at + 11);
        for length in (0..=end).rev().step_by(97).chain([end]) {
            let error = TreeModel::from_bytes(&whole[..length], &TreeOptions::new());
            assert!(error.is_err(), "{name} cut to {length} of {end} bytes");
        }
    }
}

#[test]
fn no_changed_byte_makes_it_panic_or_hang() {
    for name in ["xgboost-categories.ubj", "xgboost-dart-softprob.json", "lightgbm-categories.txt"] {
        let whole = fixture(name);
        for at in (0..whole.len()).step_by(41) {
            let mut changed = whole.clone();
            changed[at] = changed[at].wrapping_add(1 + u8::try_from(at % 200).unwrap());
            if let Ok(model) = TreeModel::from_bytes(&changed, &TreeOptions::new()) {
                let _ = model.predict(&vec![1.5; model.features()]);
            }
        }
    }
}

#[test]
fn trees_that_lead_nowhere_or_in_a_circle_are_refused() {
    let json: serde_json::Value = serde_json::from_slice(&fixture("xgboost-regression.json")).unwrap();
    let with = |field: &str, value: serde_json::Value| {
        let mut json = json.clone();
        json["learner"]["gradient_booster"]["model"]["trees"][2][field][0] = value;
        refused(json.to_string().as_bytes())
    };

    assert!(with("left_children", 0.into()).contains("tree 2 has a node that two splits lead to"));
    assert!(with("right_children", 1_000_000.into()).contains("tree 2 has no node 1000000"));
    assert!(with("split_indices", 8.into()).contains("tree 2 reads feature 8 of 8"));
    assert!(with("split_indices", (-1).into()).contains("tree 2 leads to node -1"));
    assert!(with("split_type", 1.into()).contains("tree 2 has no categories for node 0"));

    let text = String::from_utf8(fixture("lightgbm-regression.txt")).unwrap();
    let with = |from: &str, to: &str| refused(text.replacen(from, to, 1).as_bytes());
    assert!(with("left_child=", "left_child=0 ").contains("tree 0 has lists of different lengths"));
    assert!(with("num_leaves=12", "num_leaves=400000000").contains("for 400000000 leaves"));
    assert!(with("leaf_value=", "leaf_value=nan ").contains("tree 0 has 13 values"));
    assert!(with("Tree=1", "Tree=5").contains("tree 5 stands where tree 1 should"));
    assert!(with("max_feature_idx=7", "max_feature_idx=99999999999").contains("features"));
}

#[test]
fn counts_that_lie_cost_no_memory() {
    let json = String::from_utf8(fixture("xgboost-regression.json")).unwrap();
    let classes = json.replace("\"num_class\":\"0\"", "\"num_class\":\"4000000000\"");
    assert!(refused(classes.as_bytes()).contains("4000000000 outputs"));
    let features = json.replace("\"num_feature\":\"8\"", "\"num_feature\":\"4000000000\"");
    assert!(refused(features.as_bytes()).contains("features"));
}

#[test]
fn rounds_of_more_trees_than_there_are_are_refused() {
    let mut json: serde_json::Value = serde_json::from_slice(&fixture("xgboost-dart-softprob.json")).unwrap();
    let mut with = |trees: &str| {
        let inner = &mut json["learner"]["gradient_booster"]["gbtree"]["model"]["gbtree_model_param"];
        inner["num_parallel_tree"] = trees.into();
        refused(json.to_string().as_bytes())
    };

    // Times three outputs, the first is 2 to the 64th and 2: in 64 bits, 2.
    for trees in ["6148914691236517206", "18446744073709551615", "8"] {
        let error = with(trees);
        assert!(error.contains("21 trees, and in each round") && error.contains(trees), "{error}");
    }
}

#[test]
fn categories_that_overlap_or_are_of_no_node_are_refused() {
    let json: serde_json::Value = serde_json::from_slice(&fixture("xgboost-categories-onehot.json")).unwrap();
    let trees = json["learner"]["gradient_booster"]["model"]["trees"].as_array().unwrap();
    let parts = |tree: &serde_json::Value| tree["categories_nodes"].as_array().map_or(0, Vec::len);
    let tree = trees.iter().position(|tree| parts(tree) > 1).unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = json.clone();
        change(&mut json["learner"]["gradient_booster"]["model"]["trees"][tree]);
        refused(json.to_string().as_bytes())
    };

    let changes: [&dyn Fn(&mut serde_json::Value); 5] = [
        &|tree| tree["categories_segments"][1] = tree["categories_segments"][0].clone(),
        &|tree| tree["categories_nodes"].as_array_mut().unwrap().reverse(),
        &|tree| tree["categories_nodes"][1] = tree["categories_nodes"][0].clone(),
        &|tree| *tree["categories_nodes"].as_array_mut().unwrap().last_mut().unwrap() = 1_000_000.into(),
        &|tree| tree["categories"].as_array_mut().unwrap().push(3.into()),
    ];
    for change in changes {
        let error = with(change);
        assert!(error.contains("has categories that are none"), "{error}");
    }

    let text = String::from_utf8(fixture("lightgbm-categories.txt")).unwrap();
    let bounds = text.lines().find(|line| line.starts_with("cat_boundaries=")).unwrap();
    for changed in [bounds.replacen("=0 ", "=1 ", 1), format!("{bounds} 0"), format!("{bounds} 100000")] {
        let error = refused(text.replacen(bounds, &changed, 1).as_bytes());
        assert!(error.contains("`cat_boundaries` that do not part its categories"), "{error}");
    }
}

#[test]
fn a_directory_with_one_model_is_that_model_and_with_two_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let none = TreeModel::load(directory.path()).unwrap_err().to_string();
    assert!(none.contains("holds none"), "{none}");

    std::fs::write(directory.path().join("notes.txt"), "trained in spring").unwrap();
    std::fs::write(directory.path().join("settings.json"), "{\"eta\": 0.3}").unwrap();
    std::fs::write(directory.path().join("a.ubj"), fixture("xgboost-binary.ubj")).unwrap();
    assert_eq!(TreeModel::load(directory.path()).unwrap().objective(), "binary:logistic");

    std::fs::write(directory.path().join("b.txt"), fixture("lightgbm-binary.txt")).unwrap();
    let two = TreeModel::load(directory.path()).unwrap_err().to_string();
    assert!(two.contains("holds a.ubj and b.txt"), "{two}");
}

#[test]
fn rows_of_another_width_are_refused() {
    let model = TreeModel::load(path("xgboost-binary.ubj")).unwrap();
    let error = model.predict(&[0.0; 12]).unwrap_err().to_string();
    assert!(error.contains("12 values are no whole number of rows of 8 features"), "{error}");
    assert_eq!(model.predict(&[]), Ok(Vec::new()));

    // Three rows of the model are as many values as two of this table.
    for name in ["xgboost-binary.ubj", "lightgbm-binary.txt"] {
        let model = TreeModel::load(path(name)).unwrap();
        for table in [Table::rows(vec![0.0; 24], 2).unwrap(), Table::rows_f64(vec![0.0; 24], 2).unwrap()] {
            let error = model.predict_table(&table, &Compute::single()).unwrap_err().to_string();
            assert!(error.contains("its rows have 12 values, the model has 8 features"), "{error}");
        }
    }

    let error = TreeModel::load("no/such/model.ubj").unwrap_err().to_string();
    assert!(error.contains("no/such/model.ubj cannot be read"), "{error}");
}
