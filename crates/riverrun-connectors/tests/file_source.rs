//! Lines of files and of standard input, through the operator that a host runs and in whole programs.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use riverrun_connectors::{FileSource, StdinLineSource};
use riverrun_local::LocalHost;
use riverrun_stream::operator::{
    BATCH_SIZE, CompletionQueue, Operator, OperatorSnapshot, Outputs, Readiness, SharedCoordinator, SnapshotKind,
    SnapshotRequest, SourceOperator, Turn,
};
use riverrun_stream::source::{RecordError, Source};
use riverrun_stream::{RuntimeContext, StreamExecutionEnvironment, StreamRecord};

type Polled = (Vec<String>, Vec<RecordError>, Readiness);

/// One subtask that reads, polled by hand.
struct Subtask {
    operator: SourceOperator<FileSource>,
    outputs: Outputs,
    alarm: Option<i64>,
}

impl Subtask {
    fn open(source: &FileSource, state: Option<(&[u8], OperatorSnapshot)>) -> Self {
        let source = Arc::new(source.clone());
        let enumerator = match &state {
            Some((enumerator, _)) => source.restore_enumerator(enumerator),
            None => source.create_enumerator(),
        };
        let coordinator: SharedCoordinator = Arc::new(Mutex::new(enumerator.unwrap()));
        let mut operator = SourceOperator::new(source, coordinator);
        if let Some((_, snapshot)) = state {
            operator.restore(snapshot).unwrap();
        }
        let mut subtask = Self { outputs: Outputs::of(&operator), alarm: None, operator };
        let mut context = RuntimeContext::detached("lines");
        context.completions = CompletionQueue::new(|| {}).sender();
        let mut turn = Turn::new(&mut subtask.outputs, 0, &mut subtask.alarm);
        subtask.operator.open(&context, &mut turn).unwrap();
        subtask
    }

    /// Polls once, for at most `budget` records.
    fn poll(&mut self, budget: usize) -> Polled {
        let mut turn = Turn::new(&mut self.outputs, 0, &mut self.alarm);
        // What stands in an output already is not in the budget.
        let filler = RecordError { record: String::new(), message: "filler".into() };
        turn.output(1).unwrap().extend(vec![StreamRecord::new(filler); BATCH_SIZE - budget]);
        let readiness = self.operator.wake(&mut turn).unwrap();
        let lines = std::mem::take(turn.output::<String>(0).unwrap());
        let errors = turn.output::<RecordError>(1).unwrap().split_off(BATCH_SIZE - budget);
        turn.output::<RecordError>(1).unwrap().clear();
        assert!(lines.len() + errors.len() <= budget);
        let values = lines.into_iter().map(|record| record.value).collect();
        (values, errors.into_iter().map(|record| record.value).collect(), readiness)
    }

    /// Polls to the end, with these budgets in turn.
    fn read(&mut self, budgets: &[usize]) -> (Vec<String>, Vec<RecordError>) {
        let (mut lines, mut errors) = (Vec::new(), Vec::new());
        for &budget in budgets.iter().cycle() {
            let polled = self.poll(budget);
            lines.extend(polled.0);
            errors.extend(polled.1);
            if polled.2 == Readiness::Finished {
                break;
            }
        }
        (lines, errors)
    }

    fn snapshot(&mut self) -> OperatorSnapshot {
        let mut snapshot = OperatorSnapshot::default();
        let request = SnapshotRequest { id: 1, kind: SnapshotKind::Checkpoint };
        self.operator.snapshot(request).unwrap().write(&mut snapshot).unwrap();
        snapshot
    }
}

fn file(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn lines_of(content: impl AsRef<[u8]>) -> (Vec<String>, Vec<RecordError>) {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "a.txt", content);
    Subtask::open(&FileSource::lines([path]), None).read(&[BATCH_SIZE])
}

fn environment() -> StreamExecutionEnvironment {
    StreamExecutionEnvironment::new(Arc::new(LocalHost::new()))
}

#[test]
fn every_line_is_a_record_empty_ones_too() {
    assert_eq!(lines_of("one\r\n\n\r\nfour").0, ["one", "", "", "four"]);
    assert_eq!(lines_of("").0, [""; 0]);
    assert_eq!(lines_of("\n\n").0, ["", ""]);
}

#[test]
fn a_line_that_is_not_utf8_is_an_error_with_its_number_and_reading_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "tweets.txt", b"good\nba\xff\nfine\n\xc3");

    let (lines, errors) = Subtask::open(&FileSource::lines([&path]), None).read(&[7]);

    assert_eq!(lines, ["good", "fine"]);
    let records: Vec<_> = errors.iter().map(|error| error.record.clone()).collect();
    assert_eq!(records, [format!("line 2 of {}", path.display()), format!("line 4 of {}", path.display())]);
    assert_eq!(errors[0].message, "not UTF-8 from byte 3 on; convert the file to UTF-8");
}

#[test]
fn a_line_of_a_megabyte_is_a_record() {
    let line = "é".repeat(600_000);

    assert_eq!(lines_of(format!("a\n{line}\nb")).0, ["a", &line, "b"]);
}

#[test]
fn a_line_above_the_maximum_is_an_error_with_its_number_and_reading_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "a.txt", format!("one\n{}\nthree\n", "x".repeat(300_000)));

    let (lines, errors) =
        Subtask::open(&FileSource::lines([&path]).max_record_bytes(100_000), None).read(&[BATCH_SIZE]);

    assert_eq!(lines, ["one", "three"]);
    assert_eq!(errors[0].record, format!("line 2 of {}", path.display()));
    assert!(errors[0].message.starts_with("300000 bytes long, more than the 100000"), "{}", errors[0].message);
}

#[test]
fn a_poll_ends_after_about_a_megabyte() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "a.txt", format!("{}\n", "x".repeat(99_999)).repeat(100));
    let mut subtask = Subtask::open(&FileSource::lines([path]), None);
    subtask.poll(BATCH_SIZE);

    let (lines, ..) = subtask.poll(BATCH_SIZE);

    assert!((1..=12).contains(&lines.len()), "{} lines", lines.len());
}

#[test]
fn files_are_read_in_their_order_by_one_subtask() {
    let directory = tempfile::tempdir().unwrap();
    let files = [("b", "1\n2"), ("a", "3\n"), ("empty", ""), ("c", "4")]
        .map(|(name, content)| file(directory.path(), name, content));
    let env = environment();
    env.set_parallelism(1);

    let lines = env.from_source(FileSource::lines(files)).execute_and_collect().unwrap();

    assert_eq!(lines, ["1", "2", "3", "4"]);
}

#[test]
fn several_subtasks_read_every_line_once() {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..7)
        .map(|index| {
            let lines: String = (0..500).map(|line| format!("{}\n", index * 500 + line)).collect();
            file(directory.path(), &index.to_string(), lines)
        })
        .collect();
    let env = environment();
    env.set_parallelism(3);

    let lines = env.from_source(FileSource::lines(files)).execute_and_collect().unwrap();

    let mut numbers: Vec<u32> = lines.iter().map(|line| line.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..3500).collect::<Vec<_>>());
}

#[test]
fn lines_with_positions_know_their_number_and_their_file() {
    let directory = tempfile::tempdir().unwrap();
    let files = ["a", "b"].map(|name| file(directory.path(), name, b"one\n\xff\nthree\n"));
    let env = environment();
    env.set_parallelism(1);

    let source = env.from_source(FileSource::lines(&files).with_positions());
    let errors = source.errors().map(|error| error.record);
    let places = source.map(|line| line.place()).union([&errors]).execute_and_collect().unwrap();

    let mut places: Vec<_> =
        places.iter().map(|place| place.replace(&format!("{}/", directory.path().display()), "")).collect();
    places.sort();
    let expected = ["line 1 of a", "line 1 of b", "line 2 of a", "line 2 of b", "line 3 of a", "line 3 of b"];
    assert_eq!(places, expected);
}

#[test]
fn a_missing_file_is_found_before_anything_runs_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let (there, missing) = (file(directory.path(), "a", "x\n"), directory.path().join("missing.txt"));
    let seen = Arc::new(Mutex::new(0));
    let count = seen.clone();
    let env = environment();

    env.from_source(FileSource::lines([&there, &missing])).map(move |_| *count.lock().unwrap() += 1).print();
    let message = env.execute().unwrap_err().to_string();

    let expected = format!("cannot open {}: No such file or directory (os error 2); check the path", missing.display());
    assert!(message.ends_with(&expected), "{message}");
    assert_eq!(*seen.lock().unwrap(), 0);
}

#[test]
fn a_file_that_has_become_shorter_is_not_read_on_at_a_wrong_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "a", "one\ntwo\nthree\n");
    let source = FileSource::lines([&path]);
    let mut subtask = Subtask::open(&source, None);
    subtask.poll(1);
    subtask.poll(2);
    let (snapshot, dealt) = (subtask.snapshot(), no_splits(&source));
    file(directory.path(), "a", "one");

    let mut restored = Subtask::open(&source, Some((&dealt, snapshot)));
    let mut turn = Turn::new(&mut restored.outputs, 0, &mut restored.alarm);
    let message = restored.operator.wake(&mut turn).unwrap_err().to_string();

    assert!(message.contains("has 3 bytes, and byte 8 is where it should be read on"), "{message}");
}

/// The state of an enumerator that has dealt out its only file.
fn no_splits(source: &FileSource) -> Vec<u8> {
    use riverrun_stream::source::SplitEnumerator;
    let mut enumerator = source.create_enumerator().unwrap();
    SplitEnumerator::next_split(&mut enumerator, 0, 1).unwrap();
    SplitEnumerator::snapshot(&enumerator).unwrap()
}

#[test]
fn standard_input_is_read_by_one_subtask() {
    let source = StdinLineSource::new();

    assert!(!source.is_parallel());
    assert!(FileSource::lines(["a"]).is_parallel());
}

/// A child process that copies the lines of its standard input, through a job, when the variable is set.
#[test]
fn the_child_that_copies_standard_input() {
    if std::env::var_os("RIVERRUN_TEST_COPIES_STDIN").is_some() {
        let env = environment();
        env.set_parallelism(1);
        env.from_source(StdinLineSource::new()).map(|line| format!("<{line}>")).print();
        env.execute().unwrap();
    }
}

#[test]
fn lines_of_standard_input_arrive_as_they_are_written_and_in_order() {
    use std::io::{BufRead, BufReader};
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["the_child_that_copies_standard_input", "--exact", "--nocapture"])
        .env("RIVERRUN_TEST_COPIES_STDIN", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    // The test harness writes its own words in front of the first line.
    let mut lines = output.lines().map(Result::unwrap).filter_map(|line| Some(line[line.find('<')?..].to_owned()));

    input.write_all(b"first\n").unwrap();
    assert_eq!(lines.next().as_deref(), Some("<first>"));
    let writer = std::thread::spawn(move || {
        let lines: String = (0..50_000).map(|line| format!("{line}\n")).collect();
        input.write_all(lines.as_bytes()).unwrap();
    });

    let rest: Vec<_> = lines.collect();
    assert!(rest.into_iter().eq((0..50_000).map(|line| format!("<{line}>"))));
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_pipe_among_the_files_is_read_without_holding_up_the_task() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, "one\ntwo").unwrap()
    });
    let env = environment();
    env.set_parallelism(1);

    let lines = env.from_source(FileSource::lines([pipe])).execute_and_collect().unwrap();

    assert_eq!(lines, ["one", "two"]);
    writer.join().unwrap();
}

/// What the lines of a text are, in the plainest words.
fn reference(content: &[u8]) -> (Vec<String>, Vec<usize>) {
    let mut lines: Vec<&[u8]> = content.split(|&byte| byte == b'\n').collect();
    let last = lines.pop().unwrap();
    let mut lines: Vec<&[u8]> = lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    if !last.is_empty() {
        lines.push(last);
    }
    let bad = (0..lines.len()).filter(|&line| std::str::from_utf8(lines[line]).is_err()).map(|line| line + 1).collect();
    (lines.iter().filter_map(|line| std::str::from_utf8(line).ok()).map(String::from).collect(), bad)
}

fn contents() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"\n\n\r\raz\xc3\xa9\xff".to_vec()), 0..120)
}

proptest! {
    #[test]
    fn any_budgets_give_the_same_lines(content in contents(), budgets in prop::collection::vec(1_usize..9, 1..5)) {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), "a", &content);

        let (lines, errors) = Subtask::open(&FileSource::lines([&path]), None).read(&budgets);

        let (expected, bad) = reference(&content);
        prop_assert_eq!(lines, expected);
        let bad: Vec<_> = bad.iter().map(|line| format!("line {line} of {}", path.display())).collect();
        prop_assert_eq!(errors.into_iter().map(|error| error.record).collect::<Vec<_>>(), bad);
    }

    #[test]
    fn a_reader_restored_from_any_snapshot_goes_on_exactly(
        contents in prop::collection::vec(contents(), 1..3), budgets in prop::collection::vec(1_usize..9, 1..8),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let files = contents.iter().enumerate();
        let files: Vec<_> = files.map(|(name, content)| file(directory.path(), &name.to_string(), content)).collect();
        let source = FileSource::lines(files);
        let undisturbed = Subtask::open(&source, None).read(&[BATCH_SIZE]);

        let enumerator = Arc::new(Mutex::new(source.create_enumerator().unwrap()));
        let shared: SharedCoordinator = enumerator.clone();
        let mut subtask = Subtask::open(&source, None);
        subtask.operator = SourceOperator::new(Arc::new(source.clone()), shared);
        let mut turn = Turn::new(&mut subtask.outputs, 0, &mut subtask.alarm);
        subtask.operator.open(&RuntimeContext::detached("lines"), &mut turn).unwrap();
        let (mut lines, mut errors) = (Vec::new(), Vec::new());
        for budget in budgets {
            let polled = subtask.poll(budget);
            lines.extend(polled.0);
            errors.extend(polled.1);
        }
        let dealt = riverrun_stream::source::SplitEnumerator::snapshot(&*enumerator.lock().unwrap()).unwrap();
        let mut restored = Subtask::open(&source, Some((&dealt, subtask.snapshot())));
        let rest = restored.read(&[3]);
        lines.extend(rest.0);
        errors.extend(rest.1);

        prop_assert_eq!((lines, errors), undisturbed);
    }
}
