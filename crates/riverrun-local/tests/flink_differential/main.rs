//! The programs of `tests/flink`, whose outputs on Apache Flink are recorded there, on both drivers of the local host. What a
//! program does is said in Java beside the recordings; here it has the same name and the same input.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

mod async_calls;
mod evictors;
mod inputs;
mod joins;
mod keyed;
mod lateness;
mod programs;
mod states;
mod streams;
mod timers;
mod triggers;
mod window_functions;
mod windows;

use programs::{Programs, recorded_names};

const GROUPS: [fn(&mut Programs); 12] = [
    keyed::add,
    windows::add,
    window_functions::add,
    triggers::add,
    evictors::add,
    lateness::add,
    timers::add,
    states::add,
    streams::add,
    streams::add_with_windows,
    joins::add,
    async_calls::add,
];

fn all() -> Programs {
    let mut programs = Programs::default();
    GROUPS.iter().for_each(|add| add(&mut programs));
    programs
}

#[test]
fn every_program_answers_as_flink_does() {
    let differences = all().differences(1);

    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_program_answers_as_flink_does_at_another_parallelism() {
    let differences = all().differences(2);

    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_recorded_program_is_here() {
    let here = all().names();

    let missing: Vec<String> = recorded_names().into_iter().filter(|name| !here.contains(name)).collect();

    assert!(missing.is_empty(), "recorded, but not here: {}", missing.join(", "));
}
