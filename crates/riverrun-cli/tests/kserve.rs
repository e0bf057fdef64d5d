//! The Open Inference Protocol, by a client that others wrote.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

mod machine;

use machine::{Machine, environment, stderr, stdout};

#[test]
fn tritons_client_gets_the_same_answers_over_http_and_grpc_in_every_form() {
    let machine = Machine::with_model();
    let served = machine.serve(&["text-classification", "--port", "0"]);
    let address = served.url.strip_prefix("http://").unwrap();

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kserve/check.py");
    let checked = environment("tritonclient", "python").args([script, address]).output().unwrap();

    assert!(checked.status.success(), "{}{}", stdout(&checked), stderr(&checked));
    assert_eq!(stdout(&checked), "25 answers, all the same\n");
}
