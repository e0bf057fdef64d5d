//! Image classifiers in ONNX against what `transformers.pipeline` gave for the same files.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(feature = "onnx")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use riverrun_inference::{Classification, ImageClassification, ImageClassificationOptions, ImageInput, Task, TopK};
use riverrun_runner::wire::{Payload, Portable};
use riverrun_runner::{Compute, Runnable};
use serde::Deserialize;
use serde_json::json;

const MODELS: [&str; 4] = ["vit-bilinear", "resnet-crop-pct", "vit-bicubic-crop", "vit-lanczos-multi-label"];

#[derive(Deserialize)]
struct Expected {
    answer: Vec<Classification>,
    pixels: Vec<f32>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images").join(name)
}

fn load(name: &str) -> ImageClassification {
    ImageClassification::load(fixture(name), ImageClassificationOptions::new()).unwrap()
}

fn expected(name: &str) -> BTreeMap<String, Expected> {
    let expected: BTreeMap<String, Expected> =
        serde_json::from_str(&std::fs::read_to_string(fixture(name).join("expected.json")).unwrap()).unwrap();
    assert!(expected.len() > 8);
    expected
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

fn run(task: &ImageClassification, inputs: Vec<ImageInput>) -> Vec<Vec<Classification>> {
    let batch = inputs.into_iter().map(|input| task.prepare(input).unwrap().value).collect();
    task.run(batch, &Compute::single()).unwrap().into_iter().map(Result::unwrap).collect()
}

fn refusal(image: Vec<u8>) -> String {
    load("vit-bilinear").prepare(image.into()).err().unwrap().to_string()
}

/// JPEG leaves the last bits of decoding to the decoder, and how it enlarges colours that are stored smaller.
fn tolerance(file: &str) -> (f32, f32) {
    match file {
        "subsampled.jpg" => (0.1, 2e-2),
        _ if file.ends_with(".jpg") => (0.04, 1e-2),
        _ => (1e-4, 1e-4),
    }
}

#[test]
fn pixels_and_labels_are_those_of_transformers_for_every_format_and_processor() {
    for name in MODELS {
        let task = load(name);
        for (image, expected) in expected(name) {
            let (pixels, _) = task.pixels(&file(&image)).unwrap();
            let some: Vec<f32> = pixels.iter().copied().step_by(37).collect();
            let (of_pixels, of_scores) = tolerance(&image);
            assert_eq!(some.len(), expected.pixels.len(), "{name} {image}");
            let off = some.iter().zip(&expected.pixels).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off <= of_pixels, "{name} {image}: a pixel is off by {off}");

            let found = run(&task, vec![file(&image).into()]).remove(0);
            assert_eq!(found.len(), 5, "{name} {image}");
            for (found, expected) in found.iter().zip(&expected.answer) {
                assert!((found.score - expected.score).abs() < of_scores, "{name} {image}: {found:?} {expected:?}");
            }
            assert_eq!(found[0].label, expected.answer[0].label, "{name} {image}");
        }
    }
}

#[test]
fn an_image_gets_the_same_bits_alone_and_in_any_batch() {
    let task = load("resnet-crop-pct");
    let files: Vec<Vec<u8>> = expected("resnet-crop-pct").keys().map(|name| file(name)).collect();

    let together = run(&task, files.iter().cloned().map(ImageInput::from).collect());

    for (file, together) in files.into_iter().zip(together) {
        assert_eq!(run(&task, vec![file.into()]), [together]);
    }
}

#[test]
fn options_of_an_image_go_before_those_of_the_runner() {
    let task = load("vit-bilinear");
    let input = ImageInput { image: file("wide.png"), top_k: Some(TopK::All), function_to_apply: None };
    assert_eq!(run(&task, vec![input.clone()])[0].len(), 6);

    let bare = ImageInput::from(file("wide.png"));
    for input in [input, bare] {
        assert_eq!(ImageClassification::from_payload(ImageClassification::to_payload(&input)), Ok(input));
    }
}

#[test]
fn an_image_in_json_is_base64_and_anything_else_is_told_what_is_wanted() {
    let input = ImageInput { top_k: Some(TopK::Some(1)), ..file("tiny.png").into() };
    let value = serde_json::to_value(&input).unwrap();
    let text = value["image"].as_str().unwrap();
    let alone = ImageClassification::from_payload(Payload::from(format!("data:image/png;base64,{text}")));
    assert_eq!(alone, Ok(file("tiny.png").into()));

    for wrong in [json!("no base64!"), json!({"image": "?"}), json!({"text": "a"}), json!(1)] {
        let error = ImageClassification::from_payload(Payload::from(wrong)).unwrap_err().to_string();
        assert!(error.contains("an image is wanted"), "{error}");
    }
}

#[test]
fn files_that_are_no_images_or_are_cut_off_are_refused() {
    assert!(refusal(Vec::new()).contains("JPEG, PNG or WebP is wanted"), "{}", refusal(Vec::new()));
    assert!(refusal(b"GIF89a\x01\0\x01\0\0\0\0".to_vec()).contains("an image in Gif came"));
    for name in ["wide.png", "lossless.webp"] {
        let whole = file(name);
        for length in [13, 20, 40, whole.len() / 2] {
            let message = refusal(whole[..length].to_vec());
            assert!(message.contains("the image is not a whole"), "{name} {length}: {message}");
        }
    }
    let message = refusal(file("photo.jpg")[..30].to_vec());
    assert!(message.contains("the image is not a whole Jpeg"), "{message}");
}

#[test]
fn an_image_that_says_it_is_enormous_is_refused_before_it_takes_memory() {
    // The size in a PNG's header, and the checksum that makes it believed.
    let mut bomb = file("wide.png");
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let crc = crc(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&crc);

    let message = refusal(bomb);

    assert!(message.contains("65535 x 65535 pixels") && message.contains("give a smaller one"), "{message}");
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn a_directory_that_lacks_something_is_refused_by_name() {
    for (missing, part) in [
        ("preprocessor_config.json", "preprocessor_config.json cannot be read"),
        ("model.onnx", "no ONNX file is beside it"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        for name in ["config.json", "preprocessor_config.json", "model.onnx"] {
            if name != missing {
                std::fs::copy(fixture("vit-bilinear").join(name), directory.path().join(name)).unwrap();
            }
        }

        let error = ImageClassification::load(directory.path(), Default::default()).err().unwrap().to_string();

        assert!(error.contains(part), "{error}");
    }
}
