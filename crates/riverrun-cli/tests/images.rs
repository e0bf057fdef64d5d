//! Images, which are files and no lines.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

mod machine;

use std::fs;
use std::io::Write;
use std::process::Output;

use machine::{Machine, stderr, stdout};
use serde_json::Value;

const IMAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../riverrun-inference/tests/fixtures/images");

/// A machine with a classifier of images and a directory with three of them.
fn machine() -> Machine {
    let machine = Machine::with_model();
    let model = format!("{IMAGES}/vit-bilinear");
    let import = machine.run(&["models", "import", &model, "--name", "pets", "--version", "1"]);
    assert!(import.status.success(), "{}", stderr(&import));
    fs::create_dir(machine.path("photos")).unwrap();
    for name in ["wide.png", "photo.jpg", "lossless.webp"] {
        fs::copy(format!("{IMAGES}/{name}"), machine.path(&format!("photos/{name}"))).unwrap();
    }
    machine.write("photos/notes.txt", "no image");
    machine
}

fn found(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn paths(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["path"].as_str().unwrap()).collect()
}

/// What `transformers` gave for the fixture.
fn expected(name: &str) -> Value {
    let all: Value =
        serde_json::from_str(&fs::read_to_string(format!("{IMAGES}/vit-bilinear/expected.json")).unwrap()).unwrap();
    all[name]["answer"].clone()
}

#[test]
fn images_get_the_labels_of_transformers_in_the_order_in_which_they_were_given() {
    let machine = machine();

    let results = found(&machine.run(&["predict", "pets", "photos/wide.png", "photos/lossless.webp"]));

    assert_eq!(paths(&results), ["photos/wide.png", "photos/lossless.webp"]);
    for (result, name) in results.iter().zip(["wide.png", "lossless.webp"]) {
        let (labels, expected) = (result["output"].as_array().unwrap(), expected(name));
        assert_eq!(labels.len(), 5);
        for (label, expected) in labels.iter().zip(expected.as_array().unwrap()) {
            assert_eq!(label["label"], expected["label"], "{name}");
            assert!((label["score"].as_f64().unwrap() - expected["score"].as_f64().unwrap()).abs() < 1e-3, "{name}");
        }
    }
}

#[test]
fn a_directory_a_list_and_standard_input_give_what_the_files_themselves_do() {
    let machine = machine();
    let list = "photos/lossless.webp\n\nphotos/photo.jpg\nphotos/wide.png\n";
    machine.write("list.txt", list);

    let directory = machine.run(&["predict", "pets", "photos"]);
    let by_list = found(&machine.run(&["predict", "pets", "list.txt"]));
    let by_stdin = |more: &[&str]| {
        let mut child = machine.spawn(&[&["predict", "pets"], more].concat());
        child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
        found(&child.wait_with_output().unwrap())
    };

    assert!(stderr(&directory).contains("\n3 images"), "{}", stderr(&directory));
    let directory = found(&directory);
    assert_eq!(paths(&directory), ["photos/lossless.webp", "photos/photo.jpg", "photos/wide.png"]);
    assert_eq!(directory, by_list);
    assert_eq!(directory, by_stdin(&[]));
    assert_eq!(directory, by_stdin(&["--format", "image"]));
    assert_eq!(directory, by_stdin(&["-"]));
}

#[test]
fn an_image_of_another_name_is_one_where_the_format_says_so_and_options_hold_for_all() {
    let machine = machine();
    fs::rename(machine.path("photos/wide.png"), machine.path("photos/wide")).unwrap();

    let results = found(&machine.run(&["predict", "pets", "photos/wide", "--format", "image", "--option", "top_k=2"]));

    assert_eq!(paths(&results), ["photos/wide"]);
    assert_eq!(results[0]["output"].as_array().unwrap().len(), 2);
}

#[test]
fn bad_images_are_told_by_their_paths_and_the_others_have_their_results() {
    let machine = machine();
    let whole = fs::read(machine.path("photos/wide.png")).unwrap();
    machine.write("photos/a-cut.png", &whole[..whole.len() / 2]);
    machine.write("photos/b-bomb.png", bomb(&whole));
    machine.write("photos/c-text.png", "no image");
    machine.write("photos/d-empty.jpg", "");
    fs::create_dir(machine.path("photos/e-directory")).unwrap();
    let mut list: Vec<String> = ["a-cut.png", "wide.png", "b-bomb.png", "c-text.png", "d-empty.jpg", "e-directory"]
        .map(|name| format!("photos/{name}"))
        .to_vec();
    list.push("photos/gone.png".into());
    list.push("photos/photo.jpg".into());
    machine.write("list.txt", list.join("\n"));

    let output = machine.run(&["predict", "pets", "list.txt", "--output", "out.jsonl"]);

    assert!(output.status.success(), "{}", stderr(&output));
    let results: Vec<Value> = fs::read_to_string(machine.path("out.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(paths(&results), ["photos/wide.png", "photos/photo.jpg"]);
    let errors = fs::read_to_string(machine.path("out.jsonl.errors")).unwrap();
    let errors: Vec<&str> = errors.lines().collect();
    let parts = [
        ("photos/a-cut.png: the image is not a whole Png", "give the file as it was saved"),
        ("photos/b-bomb.png: the image is too large: it has 65535 x 65535 pixels", "give a smaller one"),
        ("photos/c-text.png: an image in JPEG, PNG or WebP is wanted", "something else came"),
        ("photos/d-empty.jpg: an image in JPEG, PNG or WebP is wanted", "something else came"),
        ("photos/e-directory: it cannot be read", "check the path"),
        ("photos/gone.png: it cannot be read", "check the path"),
    ];
    assert_eq!(errors.len(), parts.len(), "{errors:?}");
    for (error, (start, end)) in errors.iter().zip(parts) {
        assert!(error.starts_with(start) && error.ends_with(end), "{error}");
    }
    let said = stderr(&output);
    assert!(
        said.contains("8 images · 6 bad images (photos/a-cut.png, ") && said.contains("out.jsonl.errors"),
        "{said}"
    );
}

#[test]
fn what_is_no_image_and_who_takes_none_is_said_before_an_output_is_overwritten() {
    let machine = machine();
    machine.write("out.jsonl", "from before");
    fs::create_dir(machine.path("empty")).unwrap();
    let cases: [(&[&str], i32, &str); 5] = [
        (&["predict", "pets", "photos/wide.png", "gone.png"], 1, "cannot open gone.png"),
        (&["predict", "pets", "empty"], 1, "empty is a directory; give the files in it"),
        (&["classify", "text-classification", "photos/wide.png"], 2, "the model takes texts, not images"),
        (&["predict", "pets", "photos/wide.png", "photos/notes.txt"], 2, "are of different formats"),
        (&["predict", "photos/wide.png"], 2, "`riverrun predict` needs a model"),
    ];
    for (arguments, code, part) in cases {
        let output = machine.run(&[arguments, &["--output", "out.jsonl"]].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{arguments:?}: {}", stderr(&output));
    }
    assert_eq!(fs::read_to_string(machine.path("out.jsonl")).unwrap(), "from before");
}

/// A PNG that says it has more pixels than memory holds, with the checksum that makes it believed.
fn bomb(png: &[u8]) -> Vec<u8> {
    let mut bomb = png.to_vec();
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let crc = !bomb[12..29].iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    });
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    bomb
}
