//! The backend that `riverrun models bench` has found to be the best computes the model, as long as it can.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

mod machine;

use std::fs;
use std::process::Output;

use machine::served::SOON;
use machine::{Machine, stderr, stdout};
use serde_json::{Value, json};

const ONNX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../riverrun-onnx/tests/fixtures");

/// With a graph as `model:1`.
fn machine(graph: &str) -> Machine {
    let machine = Machine::bare();
    import(&machine, graph);
    machine
}

fn import(machine: &Machine, graph: &str) {
    let import = machine.run(&["models", "import", &format!("{ONNX}/{graph}"), "--name", "model", "--version", "1"]);
    assert!(import.status.success(), "{}", stderr(&import));
}

fn get(machine: &Machine) -> Value {
    serde_json::from_str(&stdout(&machine.run(&["models", "get", "model", "--output", "json"]))).unwrap()
}

fn bench(machine: &Machine) -> Value {
    let bench = machine.run(&["models", "bench", "model", "--rounds", "1", "--output", "json"]);
    assert!(bench.status.success(), "{}", stderr(&bench));
    serde_json::from_str(&stdout(&bench)).unwrap()
}

/// As `bench` leaves it where this backend is the fastest.
fn remember(machine: &Machine, cpu: &str, backend: &str) {
    fs::write(machine.path("home/models/model/1/.best-backend.json"), json!({ cpu: backend }).to_string()).unwrap();
}

fn computed(output: &Output) -> bool {
    assert!(output.status.success(), "{}", stderr(output));
    !output.stdout.is_empty()
}

/// Numbers that RTen refuses, as they are beyond 32 bits, and ONNX Runtime computes: they tell the backends apart.
const WIDE: &str = r#"{"d": [0.5, -2.25], "i": [1099511627776, -4], "b": [true, false]}"#;

#[test]
fn the_best_backend_computes_what_is_predicted_and_served_until_it_is_forgotten() {
    // `cargo xtask test` says where the library is.
    if std::env::var_os("ORT_DYLIB_PATH").is_none() {
        return;
    }
    let machine = machine("types.onnx");
    let found = bench(&machine);
    let is_measured = |one: &Value| one["backend"] == "onnxruntime" && one["records_per_second"].is_number();
    assert!(found["backends"].as_array().unwrap().iter().any(is_measured), "{found}");
    machine.write("wide.jsonl", WIDE);
    let predict = |more: &[&str]| computed(&machine.run(&[&["predict", "model", "wide.jsonl"], more].concat()));
    let serve = || {
        let served = machine.serve(&["model", "--port", "0"]);
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(SOON)).build();
        let url = format!("{}/predict", served.url);
        ureq::Agent::from(agent).post(url).content_type("application/json").send(WIDE).unwrap().status().as_u16()
    };
    assert!(predict(&[]) && serve() == 200, "it goes to ONNX Runtime by itself");

    remember(&machine, found["cpu"].as_str().unwrap(), "rten");

    assert_eq!(get(&machine)["backend"], "rten");
    assert!(!predict(&[]), "RTen computes it now");
    assert_eq!(serve(), 500, "and what is served");
    assert!(predict(&["--option", "backend=onnxruntime"]), "a backend that is asked for by name goes before it");
    assert!(machine.run(&["models", "bench", "model", "--forget"]).status.success());
    assert!(predict(&[]) && get(&machine)["backend"].is_null());
}

#[test]
fn what_another_cpu_a_missing_library_or_another_program_found_changes_nothing() {
    let machine = machine("two-inputs.onnx");
    machine.write("a.jsonl", "{\"left\": [1, 2], \"right\": [3, 4]}");
    let cpu = bench(&machine)["cpu"].as_str().unwrap().to_owned();
    let predict = || {
        let mut command = machine.command(&["predict", "model", "a.jsonl"]);
        computed(&command.env("ORT_DYLIB_PATH", machine.path("gone.so")).output().unwrap())
    };

    remember(&machine, &cpu, "onnxruntime");
    assert!(predict(), "its library is away");
    remember(&machine, &cpu, "a backend of a later version");
    assert!(predict() && get(&machine)["backend"].is_null());
    remember(&machine, "another CPU, 8 cores", "onnxruntime");
    assert!(predict() && get(&machine)["backend"].is_null());
}

#[test]
fn another_model_under_the_same_tag_has_no_best_backend() {
    let machine = machine("two-inputs.onnx");
    let cpu = bench(&machine)["cpu"].as_str().unwrap().to_owned();
    remember(&machine, &cpu, "rten");
    assert_eq!(get(&machine)["backend"], "rten");

    assert!(machine.run(&["models", "delete", "model:1"]).status.success());
    import(&machine, "dense.onnx");

    assert!(get(&machine)["backend"].is_null());
}
