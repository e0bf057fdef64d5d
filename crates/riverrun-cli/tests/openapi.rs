//! The service's OpenAPI document, and the service as the document describes it, by tools that others wrote.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

mod machine;

use machine::{Machine, environment, stderr, stdout};

#[test]
fn the_document_is_valid_and_the_service_does_what_it_says_whatever_is_sent() {
    let machine = Machine::with_model();
    let served = machine.serve(&["text-classification", "--port", "0"]);
    let document = format!("{}/docs.json", served.url);
    let text = ureq::get(&document).call().unwrap().body_mut().read_to_string().unwrap();
    machine.write("docs.json", &text);

    let valid = environment("schemathesis", "openapi-spec-validator").arg(machine.path("docs.json")).output().unwrap();
    assert!(valid.status.success(), "{}{}", stdout(&valid), stderr(&valid));

    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi/schemathesis.toml");
    let tested = environment("schemathesis", "schemathesis")
        .args(["--config-file", config, "--no-color", "run", "--seed", "1", &document])
        // Where it leaves what it remembers of a run.
        .current_dir(machine.path("."))
        .output()
        .unwrap();
    // Its reports quote whole requests.
    let report = stdout(&tested);
    let lines: Vec<String> = report.lines().map(|line| line.chars().take(300).collect()).collect();
    assert!(tested.status.success(), "{}\n{}", lines.join("\n"), stderr(&tested));
    let cases = lines.iter().find_map(|line| line.trim().split_once(" generated")?.0.parse::<usize>().ok());
    assert!(cases.is_some_and(|cases| cases > 300), "so few requests show nothing: {}", lines.join("\n"));
}
