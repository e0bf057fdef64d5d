//! `riverrun serve` as people and programs use it.

// The lints exempt tests, not the functions they share.
#![allow(clippy::panic, clippy::unwrap_used)]

mod machine;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use machine::served::SOON;
use machine::{MODEL, Machine, stderr, stdout};
use serde_json::Value;

const LOVE: &str = "I love this, best day ever!";

/// Status and body of a text sent to `url`.
fn post(url: &str, text: &str) -> Result<(u16, String), ureq::Error> {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(SOON)).build();
    let agent: ureq::Agent = agent.into();
    let mut response = agent.post(url).content_type("text/plain; charset=utf-8").send(text)?;
    Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
}

fn label(url: &str, text: &str) -> String {
    let (status, body) = post(url, text).unwrap();
    assert_eq!(status, 200, "{body}");
    let labels: Value = serde_json::from_str(&body).unwrap();
    labels[0]["label"].as_str().unwrap().to_owned()
}

fn get(url: &str) -> (u16, String) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(SOON)).build().into();
    let mut response = agent.get(url).call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// Imports the model with another name for its label `positive`.
fn import(machine: &Machine, version: &str, positive: &str) {
    let directory = machine.path(version);
    fs::create_dir(&directory).unwrap();
    for file in fs::read_dir(MODEL).unwrap() {
        let file = file.unwrap();
        fs::write(directory.join(file.file_name()), fs::read(file.path()).unwrap()).unwrap();
    }
    let config = fs::read_to_string(directory.join("config.json")).unwrap();
    fs::write(directory.join("config.json"), config.replace("positive", positive)).unwrap();
    let directory = directory.to_str().unwrap();
    let import = machine.run(&["models", "import", directory, "--name", "text-classification", "--version", version]);
    assert!(import.status.success(), "{}", stderr(&import));
}

#[test]
fn a_model_answers_at_its_route_and_by_its_name() {
    let machine = Machine::with_model();
    let served = machine.serve(&["text-classification", "--port", "0"]);

    assert_eq!(label(&format!("{}/classify", served.url), LOVE), "positive");
    assert_eq!(get(&format!("{}/readyz", served.url)).0, 200);
    let models: Value = serde_json::from_str(&get(&format!("{}/v1/models", served.url)).1).unwrap();
    assert!(models.to_string().contains("text-classification"), "{models}");
    let (status, body) = get(&format!("{}/nowhere", served.url));
    assert!(status == 404 && body.contains("POST /classify"), "{body}");
}

#[test]
fn what_is_wrong_at_the_start_is_said_and_nothing_is_served() {
    let machine = Machine::with_model();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    machine.write("key.pem", "no key");
    machine.write("none", "\n\n");
    let cases: [(&[&str], i32, &str); 11] = [
        (&["sentimet"], 1, "sentimet"),
        (&["text-classification:9"], 1, "text-classification:9"),
        (&["Text Classification"], 2, "Text Classification"),
        (&["text-classification", "text-classification:1.0"], 2, "give all versions"),
        (&["text-classification:1.0", "text-classification:1.0"], 2, "given twice"),
        (&["text-classification:1.0=0"], 1, "give at least one a weight above 0"),
        (&["text-classification", "--port", &port], 1, "is in use on 127.0.0.1"),
        (&["text-classification", "--route", "classify"], 2, "a route begins with `/`"),
        (&["text-classification", "--route", "/v1/models"], 1, "/v1/models"),
        (&["text-classification", "--tls-cert", "key.pem", "--tls-key", "key.pem"], 1, "no certificate"),
        (&["text-classification", "--token-file", "none"], 1, "has no token"),
    ];

    for (arguments, code, part) in cases {
        let output = machine.run(&[&["serve"], arguments].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn two_models_on_one_route_are_refused_by_name() {
    let machine = Machine::with_model();
    let other = machine.run(&["models", "import", MODEL, "--name", "spam", "--version", "1"]);
    assert!(other.status.success(), "{}", stderr(&other));

    let output = machine.run(&[
        "serve",
        "text-classification",
        "spam",
        "--route",
        "spam=/a",
        "--route",
        "text-classification=/a",
    ]);

    let said = stderr(&output);
    assert!(said.contains("text-classification") && said.contains("spam") && said.contains("/a"), "{said}");
}

#[test]
fn the_service_moves_on_when_latest_does_and_versions_can_share_requests() {
    let machine = Machine::with_model();
    let served = machine.serve(&["text-classification", "--port", "0"]);
    let url = format!("{}/classify", served.url);
    assert_eq!(label(&url, LOVE), "positive");

    import(&machine, "2.0", "good");
    served.wait_for("text-classification:2.0 has taken the place of");
    assert_eq!(label(&url, LOVE), "good");

    let both = machine.serve(&["text-classification:1.0=1", "text-classification:2.0=1", "--port", "0"]);
    let url = format!("{}/classify", both.url);
    let labels: Vec<String> = (0..40).map(|_| label(&url, LOVE)).collect();
    assert!(labels.iter().any(|label| label == "good") && labels.iter().any(|label| label == "positive"));
}

#[test]
fn sigterm_under_load_answers_every_request_that_was_accepted() {
    let machine = Machine::with_model();
    let mut served = machine.serve(&["text-classification", "--port", "0"]);
    let url = format!("{}/classify", served.url);
    let (answered, lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let over = AtomicBool::new(false);

    let code = thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    match post(&url, LOVE) {
                        Ok((200, _)) => {
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        // Nobody listens any more, or the system resets what nobody will accept.
                        Err(ureq::Error::Io(error))
                            if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset) =>
                        {
                            over.store(true, Ordering::Relaxed);
                        }
                        other => {
                            eprintln!("{other:?}");
                            lost.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        let until = Instant::now() + SOON;
        while answered.load(Ordering::Relaxed) < 50 && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        served.signal("TERM");
        let code = served.exit();
        over.store(true, Ordering::Relaxed);
        code
    });

    let summary = served.wait_for("drained in");
    let accepted: usize = summary.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!((code, lost.into_inner()), (Some(0), 0), "{summary}");
    assert_eq!(accepted, answered.into_inner(), "{summary}");
}

#[test]
fn a_stream_loses_nothing_and_keeps_its_order_when_its_service_is_killed_and_started_again() {
    let machine = Machine::with_model();
    let served = machine.serve(&["text-classification", "--port", "0"]);
    let port = served.url.rsplit_once(':').unwrap().1.to_owned();
    let texts: Vec<String> = (0..3000).map(|n| format!("{} number {n}", ["I love", "I hate"][n % 2])).collect();
    let mut classify = machine.spawn(&["classify", "--service", &served.url, "-", "--output", "labels.jsonl"]);
    let mut stdin = classify.stdin.take().unwrap();
    let half = texts.len() / 2;

    writeln!(stdin, "{}", texts[..half].join("\n")).unwrap();
    let until = Instant::now() + SOON;
    let labelled = || fs::read_to_string(machine.path("labels.jsonl")).unwrap_or_default().lines().count();
    while labelled() < 100 && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    served.signal("KILL");
    drop(served);
    let again = machine.serve(&["text-classification", "--port", &port]);
    writeln!(stdin, "{}", texts[half..].join("\n")).unwrap();
    drop(stdin);
    let output = classify.wait_with_output().unwrap();
    drop(again);

    assert!(output.status.success(), "{}", stderr(&output));
    let lines = fs::read_to_string(machine.path("labels.jsonl")).unwrap();
    let written: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(written, texts);
}

/// The example of this name, which the test command has built beside this test.
fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    this.ancestors().nth(2).unwrap().join("examples").join(name)
}

fn lines_of_example(name: &str, adjust: impl FnOnce(&mut Command)) -> Vec<String> {
    let path: &Path = &example(name);
    let mut command = Command::new(path);
    adjust(&mut command);
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo test --workspace` builds the examples", path.display()));
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).lines().map(String::from).collect()
}

#[test]
fn the_three_remote_patterns_of_the_guide_get_their_answers_from_the_service() {
    let machine = Machine::with_model();
    let served = machine.serve(&["text-classification", "--port", "0"]);

    let mapped = lines_of_example("remote_map", |command| {
        command.arg(&served.url);
    });
    assert_eq!(mapped.len(), 3);
    assert!(mapped[0].starts_with(r#"[1,"[{\"label\":\"positive\",\"score\":0.97"#), "{mapped:?}");

    let mut windows = lines_of_example("remote_windows", |command| {
        command.arg(&served.url);
    });
    windows.sort();
    let expected = [r#"[false,["negative"]]"#, r#"[true,["neutral"]]"#, r#"[true,["positive"]]"#];
    assert_eq!(windows, expected);

    let called = lines_of_example("remote_async", |command| {
        command.arg(&served.url);
    });
    let of = |prefix: &str| {
        let lines = called.iter().filter_map(|line| line.strip_prefix(prefix));
        lines.map(String::from).collect::<Vec<_>>()
    };
    let expected = [r#"[1,"positive"]"#, r#"[2,"neutral"]"#, r#"[3,"negative"]"#];
    assert_eq!(of("ordered> "), expected);
    assert_eq!(of("retried> "), expected);
    let mut unordered = of("unordered> ");
    unordered.sort();
    assert_eq!(unordered, expected);
}

#[test]
fn a_runner_in_a_process_of_its_own_is_started_by_the_program_and_ends_with_it() {
    let machine = Machine::with_model();
    let home = machine.path("home");

    let lines = lines_of_example("own_process", |command| {
        command.env("RIVERRUN_HOME", &home).env("RIVERRUN_EXECUTABLE", env!("CARGO_BIN_EXE_riverrun"));
    });

    assert_eq!(lines, [r#"[1,"positive"]"#, r#"[2,"neutral"]"#, r#"[3,"negative"]"#]);
    // Its socket goes with it.
    let until = Instant::now() + SOON;
    let sockets = || sockets_below(&home);
    while sockets() && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
    }
    assert!(!sockets());
}

/// Whether there is a socket in this directory or below it.
fn sockets_below(directory: &Path) -> bool {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        // What is gone meanwhile is none.
        fs::symlink_metadata(&path).is_ok_and(|found| {
            if found.is_dir() {
                sockets_below(&path)
            } else {
                std::os::unix::fs::FileTypeExt::is_socket(&found.file_type())
            }
        })
    })
}
