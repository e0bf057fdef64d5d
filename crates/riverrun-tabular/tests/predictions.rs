//! What the libraries themselves predict, from records made by `fixtures/make_fixtures.py`.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use riverrun_runner::{Compute, Runner};
use riverrun_tabular::{Library, Predictions, Table, TreeModel, TreeOptions};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    rows: Vec<Vec<Option<f64>>>,
    predictions: Vec<Vec<f64>>,
    raw: Vec<Vec<f64>>,
}

impl Expected {
    fn wide(&self) -> Vec<f64> {
        self.rows.iter().flatten().map(|value| value.unwrap_or(f64::NAN)).collect()
    }

    #[allow(clippy::cast_possible_truncation)]
    fn narrow(&self) -> Vec<f32> {
        self.wide().into_iter().map(|value| value as f32).collect()
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Every recorded model, and what was recorded.
fn recorded() -> Vec<(String, PathBuf, Expected)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(name) = name.strip_suffix(".expected.json") else { continue };
        let model = ["json", "ubj", "txt"].map(|ending| fixtures().join(format!("{name}.{ending}")));
        let model = model.into_iter().find(|path| path.exists()).unwrap();
        all.push((name.to_owned(), model, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()));
    }
    assert!(all.len() > 40, "{} records", all.len());
    all
}

fn load(name: &str) -> TreeModel {
    TreeModel::load(fixtures().join(name)).unwrap()
}

fn assert_close(name: &str, found: &[f64], expected: &[Vec<f64>]) {
    let expected: Vec<f64> = expected.concat();
    assert_eq!(found.len(), expected.len(), "{name}");
    for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
        // Relative, or to the last bits of a sum of numbers about one where they cancel out.
        let allowed = 1e-6 * expected.abs() + 1e-7;
        assert!((found - expected).abs() <= allowed, "{name}: {found} instead of {expected} in place {row}");
    }
}

#[test]
fn predictions_are_those_of_the_library() {
    for (name, path, expected) in recorded() {
        let model = TreeModel::load(&path).unwrap();
        assert_eq!(model.outputs(), expected.predictions[0].len(), "{name}");

        let narrow: Vec<f64> = model.predict(&expected.narrow()).unwrap().into_iter().map(f64::from).collect();
        assert_close(&name, &narrow, &expected.predictions);
        let wide = model.predict_f64(&expected.wide(), &Compute::single()).unwrap();
        assert_close(&name, &wide, &expected.predictions);
    }
}

#[test]
fn raw_scores_are_those_of_the_library() {
    for (name, path, expected) in recorded() {
        let model = TreeModel::load_with(&path, &TreeOptions::new().raw_scores()).unwrap();

        let raw = model.predict_f64(&expected.wide(), &Compute::single()).unwrap();

        assert_close(&name, &raw, &expected.raw);
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_among_others() {
    for (name, path, expected) in recorded() {
        let model = TreeModel::load(&path).unwrap();
        let (rows, width) = (expected.narrow(), model.outputs());
        let together = model.predict(&rows).unwrap();

        for (row, together) in rows.chunks(model.features()).zip(together.chunks(width)) {
            let alone = model.predict(row).unwrap();
            assert!(alone.iter().zip(together).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
        }
    }
}

#[test]
fn a_runner_gives_each_item_its_own_rows_whatever_they_are_made_of() {
    let model = load("xgboost-softprob.ubj");
    let names = model.feature_names().unwrap().to_vec();
    let (_, _, expected) = recorded().into_iter().find(|record| record.0 == "xgboost-softprob").unwrap();
    let (rows, width) = (expected.narrow(), model.features());
    let runner = Runner::new("trees", model);
    runner.init_local().unwrap();

    let named = names.iter().zip(&expected.rows[2]).filter_map(|(name, value)| Some((name.clone(), (*value)?)));
    let items = vec![
        Table::from(&rows[..width]),
        Table::rows(rows[width..3 * width].to_vec(), 2).unwrap(),
        Table::named(named),
        Table::from(expected.wide()[3 * width..4 * width].to_vec()),
        Table::from(vec![1.0_f32; 3]),
    ];
    let results = runner.run_batch(items).unwrap();

    let values = |result: &Result<Predictions, _>| result.as_ref().unwrap().values().to_vec();
    assert_close("one row", &values(&results[0]), &expected.predictions[..1]);
    assert_close("two rows", &values(&results[1]), &expected.predictions[1..3]);
    assert_close("by names", &values(&results[2]), &expected.predictions[2..3]);
    assert_close("in f64", &values(&results[3]), &expected.predictions[3..4]);
    let error = results[4].as_ref().unwrap_err().to_string();
    assert!(error.contains("3 values, the model has 8 features"), "{error}");
}

#[test]
fn a_model_says_what_it_is() {
    let model = load("xgboost-softprob.ubj");
    assert_eq!((model.library(), model.features(), model.outputs()), (Library::XgBoost, 8, 3));
    assert_eq!((model.objective(), model.trees()), ("multi:softprob", 21));
    assert_eq!(model.feature_names().unwrap()[1], "hours");

    let model = load("lightgbm-lambdarank.txt");
    assert_eq!((model.library(), model.objective(), model.trees()), (Library::LightGbm, "lambdarank", 7));
}

#[test]
fn the_first_rounds_alone_predict_otherwise_and_more_than_there_are_is_an_error() {
    let path = fixtures().join("lightgbm-regression.txt");
    let of = |rounds| TreeModel::load_with(&path, &TreeOptions::new().rounds(rounds));
    let row = [0.5; 8];

    assert_ne!(of(2).unwrap().predict(&row), of(7).unwrap().predict(&row));
    assert_eq!(of(7).unwrap().predict(&row), load("lightgbm-regression.txt").predict(&row));
    let error = of(8).unwrap_err().to_string();
    assert!(error.contains("has 7 rounds, not 8"), "{error}");
}

#[test]
fn numbers_that_only_f64_can_tell_apart_are_told_apart_by_lightgbm() {
    let text = std::fs::read_to_string(fixtures().join("lightgbm-regression.txt")).unwrap();
    let limit: f64 =
        text.lines().find_map(|line| line.strip_prefix("threshold=")?.split(' ').next()?.parse().ok()).unwrap();
    let feature: usize =
        text.lines().find_map(|line| line.strip_prefix("split_feature=")?.split(' ').next()?.parse().ok()).unwrap();
    let model = load("lightgbm-regression.txt");
    let of = |value: f64| {
        let mut row = [0.1; 8];
        row[feature] = value;
        model.predict_f64(&row, &Compute::single()).unwrap()
    };

    assert_ne!(of(limit), of(limit.next_up()));
    assert_eq!(of(limit.next_up()), of(limit + 1e-9));
}

#[test]
fn a_number_just_below_zero_is_no_category_for_xgboost_and_the_first_for_lightgbm() {
    // What XGBoost 3.2.0 and LightGBM 4.7.0 predict for -0.5, compared with what they predict for -1 and for 0.
    for (name, same, other) in [("xgboost-categories", -1.0, 0.0), ("lightgbm-categories", 0.0, -1.0)] {
        let (_, path, expected) = recorded().into_iter().find(|record| record.0 == name).unwrap();
        let model = TreeModel::load(path).unwrap();
        let of = |row: &[f64], kind: f64| {
            let mut row = row.to_vec();
            row[5] = kind;
            model.predict_f64(&row, &Compute::single()).unwrap()
        };
        let wide = expected.wide();
        let rows: Vec<&[f64]> = wide.chunks(8).filter(|row| of(row, same) != of(row, other)).collect();
        assert!(!rows.is_empty(), "{name}: no row tells 0 and -1 apart");
        for row in rows {
            assert_eq!(of(row, -0.5), of(row, same), "{name}");
        }
    }
}
