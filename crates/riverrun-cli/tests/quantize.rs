//! `riverrun models quantize` as people and scripts use it.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

mod machine;

use std::fs;

use machine::{Machine, stderr, stdout};
use serde_json::Value;

const ONNX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../riverrun-model/tests/fixtures/onnx/crayfish-ffnn.onnx");

const MOODS: &str = "what a lovely day\nI want my money back, this is awful\nthe meeting is at three\n\nso happy 🎉\n";

/// With the model and a few texts.
fn machine() -> Machine {
    let machine = Machine::with_model();
    machine.write("moods.txt", MOODS);
    machine
}

fn versions(machine: &Machine) -> usize {
    let list = machine.run(&["models", "list", "--output", "json"]);
    serde_json::from_str::<Value>(&stdout(&list)).unwrap().as_array().unwrap().len()
}

/// Whether nothing is left of what was begun.
fn nothing_is_left(machine: &Machine) -> bool {
    versions(machine) == 1 && fs::read_dir(machine.path("home/.staging")).unwrap().count() == 0
}

const QUANTIZE: [&str; 3] = ["models", "quantize", "text-classification"];

#[test]
fn a_model_is_stored_in_bytes_shown_with_its_report_and_applied() {
    let machine = machine();

    let done = machine.run(&[&QUANTIZE[..], &["--sample", "moods.txt", "--min-agreement", "0.75"]].concat());
    let get = stdout(&machine.run(&["models", "get", "text-classification"]));
    let classify = machine.run(&["classify", "moods.txt"]);
    let full = machine.run(&["classify", "moods.txt", "--precision", "f32"]);
    let bench = machine.run(&["models", "bench", "text-classification", "--rounds", "1"]);

    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let said = stdout(&done);
    assert!(said.starts_with("text-classification:1.0-int8 is stored (int8, "), "{said}");
    assert!(said.contains("; text-classification:latest is this version now\n"), "{said}");
    assert!(said.contains("agrees with text-classification:1.0 in f32 on ") && said.contains(" of 4 texts"), "{said}");
    for row in ["precision  int8\n", "report     agrees with text-classification:1.0 in f32 on "] {
        assert!(get.contains(row), "{get}");
    }
    assert!(stderr(&classify).contains("(version 1.0-int8, int8, "), "{}", stderr(&classify));
    assert_eq!(stdout(&classify).lines().count(), MOODS.lines().count());
    assert!(full.status.code() == Some(1) && stderr(&full).contains("are stored in int8"), "{}", stderr(&full));
    assert!(stdout(&bench).contains("native int8") && !stdout(&bench).contains("f32"), "{}", stdout(&bench));
    assert!(!stderr(&bench).contains("--precision"), "{}", stderr(&bench));
}

#[test]
fn a_program_is_told_what_was_measured_and_latest_stays_where_it_was() {
    let machine = machine();

    let done = machine.run(
        &[
            &QUANTIZE[..],
            &["--sample", "moods.txt", "--precision", "int8-faithful", "--min-agreement", "0", "--no-promote"],
            &["--name", "small", "--version", "2", "--output", "json"],
        ]
        .concat(),
    );

    let stored: Value = serde_json::from_str(&stdout(&done)).unwrap();
    let report = &stored["metadata"]["quantization"];
    assert_eq!(stored["tag"], "small:2");
    assert_eq!((&report["precision"], &report["texts"]), (&"int8-faithful".into(), &4.into()));
    assert_eq!((&report["from"], &report["compared"]), (&"text-classification:1.0".into(), &"best-label".into()));
    for number in ["agreement", "mean_difference", "p99_difference", "max_difference"] {
        assert!(report[number].is_number(), "{report}");
    }
    assert_eq!(machine.run(&["models", "get", "small"]).status.code(), Some(1), "it has no latest version");
}

#[test]
fn below_a_threshold_the_command_fails_and_says_by_how_much() {
    let machine = machine();

    let failed = machine.run(&[&QUANTIZE[..], &["--sample", "moods.txt", "--max-difference", "0"]].concat());

    assert_eq!(failed.status.code(), Some(1));
    for part in ["`text-classification:1.0` in int8", "on average, 0.0", "nothing was stored: try int8-faithful"] {
        assert!(stderr(&failed).contains(part), "{}", stderr(&failed));
    }
    assert!(nothing_is_left(&machine));
}

#[test]
fn a_sample_that_cannot_be_used_is_refused_with_its_line() {
    let machine = machine();
    machine.write("latin.txt", b"caf\xc3\xa9\nna\xefve\n");
    machine.write("blank.txt", "\n  \n");
    machine.write("one.txt", "what a lovely day\nwhat a lovely day\n");
    let quantize = |sample: &str| machine.run(&[&QUANTIZE[..], &["--sample", sample]].concat());

    for (sample, part) in [
        ("latin.txt", "cannot read latin.txt: line 2 is not UTF-8"),
        ("blank.txt", "blank.txt has no texts"),
        ("none.txt", "cannot read none.txt: "),
    ] {
        let refused = quantize(sample);
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains(part), "{}", stderr(&refused));
    }
    assert!(nothing_is_left(&machine));
    let one = quantize("one.txt");
    assert!(one.status.success());
    assert!(stderr(&one).contains("has the same answer, so the agreement says little"), "{}", stderr(&one));
}

#[test]
fn what_cannot_be_quantized_is_wrong_usage() {
    let machine = machine();
    machine.run(&["models", "import", ONNX, "--name", "crayfish"]);
    machine.run(&[&QUANTIZE[..], &["--sample", "moods.txt", "--min-agreement", "0"]].concat());

    for (arguments, part) in [
        (&["crayfish"][..], "it is in the format onnx, and only models in safetensors"),
        (&["text-classification"], "stored in int8 already"),
        (&["text-classification:1.0", "--precision", "f32"], "nothing to round for f32"),
        (&["text-classification", "--precision", "int4"], "`int4` is no precision"),
        (&["text-classification", "--min-agreement", "97"], "give a number from 0 to 1"),
        (&["text-classification", "--max-difference", "NaN"], "give a number from 0 on"),
        (&["text-classification:1.0", "--name", "no/name", "--sample", "moods.txt"], "its name contains `/`"),
    ] {
        let refused = machine.run(&[&["models", "quantize"], arguments].concat());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(part), "{}", stderr(&refused));
    }
    let taken = machine.run(&["models", "quantize", "text-classification:1.0"]);
    assert!(stderr(&taken).contains("`text-classification:1.0-int8` is already in the store"), "{}", stderr(&taken));
}

#[cfg(unix)]
#[test]
fn one_that_is_interrupted_leaves_nothing_behind() {
    let machine = machine();
    let sample: String = (0..200_000).map(|number| format!("what a lovely day number {number}\n")).collect();
    machine.write("long.txt", sample);

    let mut child = machine.spawn(&[&QUANTIZE[..], &["--sample", "long.txt"]].concat());
    let staged = || {
        fs::read_dir(machine.path("home/.staging"))
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.path().join("model/model.safetensors").exists())
    };
    while !staged() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended = child.wait_with_output().unwrap();

    assert!(interrupt.success() && !ended.status.success(), "{}", stderr(&ended));
    assert!(nothing_is_left(&machine));
}
