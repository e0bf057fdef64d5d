//! The command as people and scripts use it.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

mod machine;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Command;

use machine::{MODEL, Machine, stderr, stdout};
use serde_json::Value;

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn texts(text: &str) -> Vec<String> {
    json_lines(text).iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn models_are_imported_listed_promoted_found_and_deleted() {
    let machine = Machine::with_model();
    let second = machine.run(&[
        "models",
        "import",
        MODEL,
        "--name",
        "Text-Classification",
        "--version",
        "2.0",
        "--no-promote",
        "--output",
        "json",
    ]);
    assert!(stderr(&second).contains("tags are lower case"), "{}", stderr(&second));
    let second: Value = serde_json::from_str(&stdout(&second)).unwrap();
    assert_eq!(second["tag"], "text-classification:2.0");

    let get: Value =
        serde_json::from_str(&stdout(&machine.run(&["models", "get", "text-classification", "--output", "json"])))
            .unwrap();
    let promoted = machine.run(&["models", "promote", "text-classification:2.0"]);
    let list = stdout(&machine.run(&["models", "list"]));
    let path = stdout(&machine.run(&["models", "path", "text-classification"]));
    let is_there = Path::new(path.trim_end()).join("config.json").is_file();
    let deleted = machine.run(&["models", "delete", "text-classification:2.0", "--output", "json"]);
    let left: Value = serde_json::from_str(&stdout(&machine.run(&["models", "--output", "json", "list"]))).unwrap();

    assert_eq!((&get["version"], &get["task"]), (&"1.0".into(), &"text-classification".into()));
    assert_eq!(stdout(&promoted), "text-classification:latest is text-classification:2.0 now\n");
    let rows: Vec<&str> = list.lines().collect();
    assert!(rows[0].starts_with("TAG") && rows.len() == 3, "{list}");
    assert!(rows[1].starts_with("text-classification:2.0  latest  text-classification  "), "{list}");
    assert!(is_there, "{path}");
    let deleted: Value = serde_json::from_str(&stdout(&deleted)).unwrap();
    assert_eq!(deleted["latest"], "text-classification:1.0");
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["latest"], true);
}

#[test]
fn an_empty_store_says_how_to_fill_it() {
    let machine = Machine::bare();

    let list = machine.run(&["models", "list"]);
    let classify = machine.run(&["classify"]);

    assert!(list.status.success() && list.stdout.is_empty());
    assert!(stderr(&list).contains("`riverrun models import DIR --name NAME` adds one"), "{}", stderr(&list));
    assert_eq!(classify.status.code(), Some(1));
    let message = stderr(&classify);
    assert!(message.contains("`riverrun models import DIR --name text-classification`"), "{message}");
}

#[test]
fn an_unknown_tag_lists_names_that_look_alike() {
    let machine = Machine::with_model();

    let output = machine.run(&["classify", "text-clasification"]);

    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(message.contains("did you mean `text-classification`?"), "{message}");
    assert!(message.contains("There is no file `text-clasification` either"), "{message}");
}

#[test]
fn a_malformed_tag_is_wrong_usage_and_says_what_a_tag_is() {
    let machine = Machine::bare();
    for arguments in [["classify", "-m", "sent:"], ["models", "get", "sent:"], ["models", "promote", "sent"]] {
        let output = machine.run(&arguments);

        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("sent"), "{}", stderr(&output));
    }
}

#[test]
fn a_directory_with_nothing_but_a_pickle_is_refused_with_how_to_convert_it() {
    let machine = Machine::bare();
    fs::create_dir(machine.path("bert")).unwrap();
    for file in ["config.json", "tokenizer.json"] {
        fs::copy(Path::new(MODEL).join(file), machine.path("bert").join(file)).unwrap();
    }
    machine.write("bert/pytorch_model.bin", "pickle");

    let output = machine.run(&["models", "import", "bert", "--name", "bert"]);

    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(message.contains("pytorch_model.bin is a Python pickle") && message.contains("convert"), "{message}");
}

#[test]
fn a_store_that_cannot_be_written_is_named() {
    let machine = Machine::bare();
    machine.write("home", "a file where the store should be");

    let output = machine.run(&["models", "import", MODEL, "--name", "bert"]);

    assert_eq!(output.status.code(), Some(1));
    let home = machine.path("home");
    assert!(stderr(&output).contains(home.to_str().unwrap()), "{}", stderr(&output));
}

#[test]
fn lines_are_labelled_in_order_on_any_number_of_cores() {
    let machine = Machine::with_model();
    let lines: Vec<String> = (0..3000).map(|line| format!("{line} is a {} day", ["bad", "fine"][line % 2])).collect();
    machine.write("tweets.txt", lines.join("\n"));

    let all = machine.run(&["classify", "tweets.txt"]);
    let one = machine.run(&["classify", "text-classification:1.0", "tweets.txt", "--parallelism", "1"]);

    assert!(all.status.success(), "{}", stderr(&all));
    assert_eq!(texts(&stdout(&all)), lines);
    assert!(all.stdout == one.stdout, "the same bytes whatever the parallelism");
    let first = &json_lines(&stdout(&all))[0];
    assert!(first["label"].is_string() && first["score"].as_f64().is_some_and(|score| score > 0.3), "{first}");
    let said = stderr(&all);
    assert!(said.starts_with("text-classification:latest (version 1.0, ") && said.contains("3,000 lines: "), "{said}");
}

#[test]
fn top_k_gives_labels_sorted_by_score() {
    let machine = Machine::with_model();
    machine.write("a.txt", "what a lovely day\n");

    let all = machine.run(&["classify", "--top-k", "all", "a.txt"]);
    let one = machine.run(&["classify", "--top-k", "1", "a.txt"]);

    let all = &json_lines(&stdout(&all))[0]["labels"];
    let scores: Vec<f64> = all.as_array().unwrap().iter().map(|label| label["score"].as_f64().unwrap()).collect();
    assert!(scores.len() == 3 && scores.is_sorted_by(|a, b| a >= b), "{all}");
    assert_eq!(json_lines(&stdout(&one))[0]["labels"].as_array().unwrap().len(), 1);
    assert_eq!(machine.run(&["classify", "--top-k", "0"]).status.code(), Some(2));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let machine = Machine::with_model();
    machine.write("a.txt", "\u{feff}good\nfine");

    let from_file = machine.run(&["classify", "a.txt"]);
    let mut from_stdin = machine.spawn(&["classify"]);
    from_stdin.stdin.take().unwrap().write_all("\u{feff}good\nfine".as_bytes()).unwrap();
    let from_stdin = from_stdin.wait_with_output().unwrap();

    assert_eq!(texts(&stdout(&from_file)), ["good", "fine"]);
    assert_eq!(stdout(&from_stdin), stdout(&from_file));
}

#[test]
fn a_directory_and_a_pattern_are_no_files_to_classify() {
    let machine = Machine::with_model();
    fs::create_dir(machine.path("texts")).unwrap();
    machine.write("texts/a.txt", "good");

    let directory = machine.run(&["classify", "texts", "--output", "texts/out.jsonl"]);
    let pattern = machine.run(&["classify", "texts/*.txt", "--output", "texts/out.txt"]);

    assert!(stderr(&directory).contains("texts is a directory; give the files in it"), "{}", stderr(&directory));
    assert!(stderr(&pattern).contains("cannot open texts/*.txt: No such file or directory"), "{}", stderr(&pattern));
    assert!(!machine.path("texts/out.jsonl").exists() && !machine.path("texts/out.txt").exists());
}

#[test]
fn bad_lines_are_reported_with_their_number_while_the_rest_goes_on() {
    let machine = Machine::with_model();
    let long = "word ".repeat(200_000);
    machine.write("a.txt", [b"good\n\xff\n\n", long.as_bytes(), b"\nlast"].concat());

    let shown = machine.run(&["classify", "a.txt"]);
    let kept = machine.run(&["classify", "a.txt", "--output", "out.jsonl"]);

    assert!(shown.status.success());
    assert_eq!(texts(&stdout(&shown)), ["good", "", &long, "last"]);
    assert!(stderr(&shown).contains("line 2 of a.txt: not UTF-8 from byte 1 on"), "{}", stderr(&shown));
    assert!(stderr(&shown).contains("5 lines: ") && stderr(&shown).contains("1 bad line (line 2 of a.txt)"));
    assert!(kept.status.success() && kept.stdout.is_empty());
    assert_eq!(fs::read_to_string(machine.path("out.jsonl")).unwrap(), stdout(&shown));
    let errors = fs::read_to_string(machine.path("out.jsonl.errors")).unwrap();
    assert!(errors.starts_with("line 2 of a.txt: "), "{errors}");
    assert!(
        stderr(&kept).contains("see out.jsonl.errors") && !stderr(&kept).contains("not UTF-8"),
        "{}",
        stderr(&kept)
    );
}

#[test]
fn standard_input_is_labelled_line_by_line_as_it_comes() {
    let machine = Machine::with_model();
    let mut child = machine.spawn(&["classify"]);
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();

    for line in ["one", "two"] {
        writeln!(input, "{line}").unwrap();
        assert_eq!(texts(&output.next().unwrap().unwrap()), [line]);
    }
    drop(input);

    assert!(output.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let machine = Machine::with_model();
    machine.write("a.txt", "a line\n".repeat(20_000));
    let mut child = machine.spawn(&["classify", "a.txt"]);
    let mut first = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());

    output.read_line(&mut first).unwrap();
    drop(output);

    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let machine = Machine::with_model();
    machine.write("a.txt", "a line\n");

    let output = machine.run(&["classify", "a.txt", "--output", "/dev/full"]);
    let shell =
        machine.command(&["classify", "a.txt"]).stdout(fs::File::create("/dev/full").unwrap()).output().unwrap();

    for (output, target) in [(output, "/dev/full"), (shell, "standard output")] {
        assert_eq!(output.status.code(), Some(1));
        let message = stderr(&output);
        assert!(message.contains(&format!("cannot write {target}: No space left on device")), "{message}");
        assert!(!message.contains("failed in operator"), "{message}");
    }
}

#[test]
fn an_output_that_cannot_be_made_or_is_an_input_is_refused_before_anything_is_lost() {
    let machine = Machine::with_model();
    machine.write("a.txt", "a line\n");

    let nowhere = machine.run(&["classify", "a.txt", "--output", "no/such/place.jsonl"]);
    let same = machine.run(&["classify", "a.txt", "--output", "./a.txt"]);

    assert_eq!(nowhere.status.code(), Some(1));
    assert!(stderr(&nowhere).contains("cannot write no/such/place.jsonl"), "{}", stderr(&nowhere));
    assert_eq!(same.status.code(), Some(2));
    assert!(stderr(&same).contains("is an input and would be overwritten"), "{}", stderr(&same));
    assert_eq!(fs::read_to_string(machine.path("a.txt")).unwrap(), "a line\n");
}

#[test]
fn a_missing_file_leaves_an_earlier_output_alone() {
    let machine = Machine::with_model();
    machine.write("out.jsonl", "earlier");

    let output = machine.run(&["classify", "./missing.txt", "--output", "out.jsonl"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("cannot open ./missing.txt: No such file"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(machine.path("out.jsonl")).unwrap(), "earlier");
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_done_and_ends_with_130() {
    let machine = Machine::with_model();
    let mut child = machine.spawn(&["classify", "--output", "out.jsonl"]);
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "one\ntwo").unwrap();
    let written = || fs::read_to_string(machine.path("out.jsonl")).unwrap_or_default();
    while written().lines().count() < 2 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }

    // Its input is still open: it waits for a line.
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());

    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert_eq!(texts(&written()), ["one", "two"]);
    assert!(said.contains("interrupted after 2 lines: "), "{said}");
}
