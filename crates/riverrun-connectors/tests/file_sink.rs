//! Files that are written: whole when they are visible, and every record in them once.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use riverrun_connectors::{BucketAssigner, DateTimeBucketAssigner, FileSink, FileSource, RollingPolicy, WriteFormat};
use riverrun_local::LocalHost;
use riverrun_stream::operator::{Operator, OperatorSnapshot, SinkOperator, SnapshotKind};
use riverrun_stream::{RuntimeContext, StreamExecutionEnvironment, StreamRecord};
use riverrun_testing::{Feed, OperatorHarness, OperatorSuite};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct City {
    name: String,
    people: Option<u32>,
}

fn city(name: &str, people: Option<u32>) -> City {
    City { name: name.into(), people }
}

fn environment(parallelism: usize) -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(parallelism);
    env
}

fn harness<F: WriteFormat, B: BucketAssigner<F::In>>(sink: FileSink<F, B>, checkpointing: bool) -> OperatorHarness {
    let context = RuntimeContext { checkpointing, ..RuntimeContext::detached("files") };
    OperatorHarness::of(Box::new(SinkOperator::new(Arc::new(sink))), context)
}

/// The files below a directory with their contents, those whose names begin with `.` as well.
fn all_files(directory: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().display().to_string();
                files.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn visible_files(directory: &Path) -> Vec<(String, String)> {
    all_files(directory).into_iter().filter(|(name, _)| !is_hidden(name)).collect()
}

fn is_hidden(name: &str) -> bool {
    name.rsplit('/').next().unwrap().starts_with('.')
}

fn files<const N: usize>(files: [(&str, &str); N]) -> Vec<(String, String)> {
    files.map(|(name, content)| (name.to_owned(), content.to_owned())).into()
}

/// Has the operator give its state, completes that checkpoint, and crashes.
fn checkpoint_and_crash(mut harness: OperatorHarness) -> OperatorSnapshot {
    let (id, snapshot) = harness.snapshot(SnapshotKind::Checkpoint).unwrap();
    harness.complete_checkpoint(id).unwrap();
    snapshot
}

#[test]
fn the_file_sink_passes_the_operator_suite() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    for (number, rolling) in [
        RollingPolicy::new().max_part_size(900).rollover_interval(Duration::from_millis(50)),
        RollingPolicy::new(),
        RollingPolicy::on_checkpoint(),
    ]
    .into_iter()
    .enumerate()
    {
        let path = directory.path().join(number.to_string());
        let sink = FileSink::json_lines::<(String, u64)>(&path)
            .bucket_assigner(|(bucket, _): &(String, u64)| bucket.clone())
            .rolling_policy(rolling);
        let operator = move || -> Box<dyn Operator> { Box::new(SinkOperator::new(Arc::new(sink.clone()))) };
        let script = || {
            let values = |from: u64| (from..from + 100).map(|n| (["", "a", "b/c"][n as usize % 3].to_owned(), n));
            (0..8)
                .flat_map(|run| [Feed::values(0, values(run * 100)), Feed::advance_to(20 * (run as i64 + 1))])
                .collect()
        };
        let observe = move || {
            let Ok(true) = path.try_exists() else { return Vec::new() };
            let seen = visible_files(&path);
            fs::remove_dir_all(&path).unwrap();
            fs::create_dir_all(&path).unwrap();
            seen.into_iter().flat_map(|(_, content)| content.lines().map(String::from).collect::<Vec<_>>()).collect()
        };

        let report = OperatorSuite::new(operator, script).unordered().observing(observe).seeds(15).run().unwrap();

        assert_eq!(report.values::<String>(0).unwrap().len(), 800);
        assert!(report.snapshots > 10, "{report:?}");
    }
}

#[test]
fn what_is_written_as_csv_is_read_back_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let cities = [city("Ulm", Some(5)), city("Bad \"Orb\",\r\nin the wood", None), city("", Some(0)), city(" ", None)];
    let env = environment(2);
    let path = directory.path().join("new/cities");

    let sink = FileSink::csv::<City>(&path).part_suffix(".csv").part_prefix("cities");
    env.from_collection(cities.clone())
        .rebalance()
        .sink_to(sink.rolling_policy(RollingPolicy::new().max_part_size(20)));
    env.execute().unwrap();

    let names: Vec<_> = all_files(&path).into_iter().map(|(name, _)| name).collect();
    assert!(
        names.len() > 1 && names.iter().all(|name| name.starts_with("cities-") && name.ends_with(".csv")),
        "{names:?}"
    );
    let env = environment(1);
    let mut read = env.from_source(FileSource::csv::<City>([&path])).execute_and_collect().unwrap();
    let order = |city: &City| cities.iter().position(|other| other == city);
    read.sort_by_key(order);
    assert_eq!(read, cities);
}

#[test]
fn every_part_of_csv_begins_with_the_names_unless_they_are_not_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let sink = FileSink::csv::<City>(directory.path()).rolling_policy(RollingPolicy::new().max_part_size(1));
    let mut with_names = harness(sink.clone().delimiter(b';'), false);
    with_names.open().unwrap();
    with_names.process(0, [city("Ulm", Some(5)), city("Rome", None)]).unwrap();
    assert_eq!(
        visible_files(directory.path()),
        files([("part-0-0", "name;people\nUlm;5\n"), ("part-0-1", "name;people\nRome;\n")])
    );

    let mut without = harness(sink.without_header(), false);
    without.open().unwrap();
    without.process(0, [city("Bonn", Some(3))]).unwrap();

    assert_eq!(fs::read_to_string(directory.path().join("part-0-2")).unwrap(), "Bonn,3\n");
}

#[test]
fn without_checkpoints_a_part_is_visible_when_it_is_complete_and_hidden_before() {
    let directory = tempfile::tempdir().unwrap();
    let sink = FileSink::lines::<String>(directory.path()).rolling_policy(RollingPolicy::new().max_part_size(8));
    let mut harness = harness(sink, false);
    harness.open().unwrap();

    harness.process(0, ["one", "two", "six"].map(String::from)).unwrap();

    assert_eq!(all_files(directory.path()), files([(".part-0-1.inprogress", ""), ("part-0-0", "one\ntwo\n")]));
    harness.finish().unwrap();
    assert_eq!(visible_files(directory.path()).len(), 1);
    checkpoint_and_crash(harness);
    assert_eq!(all_files(directory.path()), files([("part-0-0", "one\ntwo\n"), ("part-0-1", "six\n")]));
}

#[test]
fn with_checkpoints_a_part_is_visible_when_the_next_one_is_complete() {
    let directory = tempfile::tempdir().unwrap();
    let sink = FileSink::lines::<u32>(directory.path()).rolling_policy(RollingPolicy::new().max_part_size(4));
    let mut harness = harness(sink, true);
    harness.open().unwrap();
    harness.process(0, [10_u32, 11, 12, 13, 14]).unwrap();
    assert_eq!(visible_files(directory.path()), []);

    let (id, _) = harness.snapshot(SnapshotKind::Checkpoint).unwrap();
    assert_eq!(visible_files(directory.path()), []);
    harness.complete_checkpoint(id).unwrap();

    assert_eq!(visible_files(directory.path()), files([("part-0-0", "10\n11\n"), ("part-0-1", "12\n13\n")]));
}

#[test]
fn a_part_is_closed_when_it_is_old_and_when_nothing_comes_although_no_record_tells_the_time() {
    let directory = tempfile::tempdir().unwrap();
    let policy =
        RollingPolicy::new().rollover_interval(Duration::from_secs(10)).inactivity_interval(Duration::from_secs(4));
    let mut harness = harness(FileSink::lines::<u32>(directory.path()).rolling_policy(policy), false);
    harness.open().unwrap();
    for (time, value) in [(0, 1_u32), (3_000, 2), (6_000, 3), (9_000, 4)] {
        harness.advance_to(time).unwrap();
        harness.process(0, [value]).unwrap();
    }

    harness.advance_to(9_999).unwrap();
    assert_eq!(visible_files(directory.path()), []);
    harness.advance_to(10_000).unwrap();
    assert_eq!(visible_files(directory.path()), files([("part-0-0", "1\n2\n3\n4\n")]));
    harness.process(0, [5_u32]).unwrap();
    harness.advance_to(13_999).unwrap();
    assert_eq!(visible_files(directory.path()).len(), 1);
    harness.advance_to(14_000).unwrap();

    assert_eq!(visible_files(directory.path())[1], ("part-0-1".into(), "5\n".into()));
}

#[test]
fn a_restored_writer_goes_on_with_its_part_where_the_checkpoint_was_taken() {
    let directory = tempfile::tempdir().unwrap();
    let sink = FileSink::csv::<City>(directory.path());
    let mut first = harness(sink.clone(), true);
    first.open().unwrap();
    first.process(0, [city("Ulm", Some(5))]).unwrap();
    let (_, snapshot) = first.snapshot(SnapshotKind::Checkpoint).unwrap();
    first.process(0, (0..20_000).map(|n| city("lost", Some(n)))).unwrap();
    drop(first);

    let mut second = harness(sink, true);
    second.restore(snapshot).unwrap();
    second.open().unwrap();
    second.process(0, [city("Rome", Some(9))]).unwrap();
    second.finish().unwrap();
    checkpoint_and_crash(second);

    assert_eq!(all_files(directory.path()), files([("part-0-0", "name,people\nUlm,5\nRome,9\n")]));
}

/// A snapshot of a sink that is writing a part with one line.
fn writing_one_line(sink: FileSink<riverrun_connectors::LinesFormat<String>>) -> OperatorSnapshot {
    let mut harness = harness(sink, true);
    harness.open().unwrap();
    harness.process(0, ["one".to_owned()]).unwrap();
    harness.snapshot(SnapshotKind::Checkpoint).unwrap().1
}

fn restore_error(sink: FileSink<riverrun_connectors::LinesFormat<String>>, snapshot: OperatorSnapshot) -> String {
    let mut harness = harness(sink, true);
    harness.restore(snapshot).unwrap();
    harness.open().unwrap_err().to_string()
}

#[test]
fn a_part_that_is_not_as_the_checkpoint_left_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let sink = FileSink::lines::<String>(directory.path());
    let part = directory.path().join(".part-0-0.inprogress");
    let snapshot = writing_one_line(sink.clone());
    let expected = |found: &str| {
        format!(
            "{} was being written at the checkpoint with 4 bytes, and {found}; restore the latest checkpoint, with the directory as it was",
            part.display()
        )
    };

    fs::write(&part, "on").unwrap();
    assert_eq!(restore_error(sink.clone(), snapshot.clone()), expected("has 2 now"));
    fs::rename(&part, directory.path().join("part-0-0")).unwrap();
    assert_eq!(restore_error(sink.clone(), snapshot.clone()), expected("it is complete now, as part-0-0"));
    fs::remove_file(directory.path().join("part-0-0")).unwrap();
    assert_eq!(restore_error(sink, snapshot), expected("is gone"));
}

#[test]
fn a_commit_that_is_repeated_changes_nothing_even_where_the_file_was_taken_away() {
    let directory = tempfile::tempdir().unwrap();
    let sink = FileSink::lines::<String>(directory.path()).rolling_policy(RollingPolicy::on_checkpoint());
    let mut first = harness(sink.clone(), true);
    first.open().unwrap();
    first.process(0, ["one".to_owned()]).unwrap();
    let snapshot = checkpoint_and_crash(first);
    let restore = || {
        let mut harness = harness(sink.clone(), true);
        harness.restore(snapshot.clone()).unwrap();
        harness.open().map_err(|error| error.to_string())
    };

    restore().unwrap();
    assert_eq!(all_files(directory.path()), files([("part-0-0", "one\n")]));
    fs::remove_file(directory.path().join("part-0-0")).unwrap();
    restore().unwrap();

    assert_eq!(all_files(directory.path()), []);
}

#[test]
fn a_second_run_counts_on_behind_the_files_of_the_first() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("part-0-7"), "mine\n").unwrap();
    fs::write(directory.path().join(".part-0-8.inprogress"), "of a run that failed").unwrap();
    for run in ["one", "two"] {
        let env = environment(1);
        env.from_collection([run.to_owned()]).sink_to(FileSink::lines(directory.path()));
        env.execute().unwrap();
    }

    let expected = files([("part-0-10", "two\n"), ("part-0-7", "mine\n"), ("part-0-9", "one\n")]);
    assert_eq!(visible_files(directory.path()), expected);
}

#[test]
fn records_go_to_the_bucket_of_their_time() {
    let directory = tempfile::tempdir().unwrap();
    let hour = 3_600_000;
    let sink = FileSink::lines::<u32>(directory.path()).bucket_assigner(DateTimeBucketAssigner::hourly());
    let mut processing_time = harness(sink, false).at(15 * hour);
    processing_time.open().unwrap();
    processing_time.process(0, [1_u32]).unwrap();
    processing_time.advance_to(16 * hour).unwrap();
    processing_time.process(0, [2_u32]).unwrap();
    processing_time.advance_to(17 * hour).unwrap();
    let sink = FileSink::lines::<u32>(directory.path().join("events"))
        .bucket_assigner(DateTimeBucketAssigner::daily().by_event_time());
    let mut event_time = harness(sink, false);
    event_time.open().unwrap();
    event_time.process_records(0, [StreamRecord::at(3_u32, -1), StreamRecord::at(4, 48 * hour)]).unwrap();
    event_time.advance_to(hour).unwrap();

    let expected = [
        ("1970-01-01--15/part-0-0", "1\n"),
        ("1970-01-01--16/part-0-0", "2\n"),
        ("events/1969-12-31/part-0-0", "3\n"),
        ("events/1970-01-03/part-0-0", "4\n"),
    ];
    assert_eq!(visible_files(directory.path()), files(expected));
    let message = event_time.process(0, [5_u32]).unwrap_err().to_string();
    assert!(message.contains("without a timestamp has no bucket by event time"), "{message}");
}

/// What a job says that writes these values, as lines.
fn failure(sink: FileSink<riverrun_connectors::LinesFormat<String>>, values: [&str; 2]) -> String {
    let env = environment(1);
    env.from_collection(values.map(String::from)).sink_to(sink);
    env.execute().unwrap_err().to_string()
}

#[test]
fn a_bucket_out_of_the_data_does_not_lead_out_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let env = environment(1);
    env.from_collection(["../evil".to_owned()])
        .sink_to(FileSink::lines::<String>(&out).bucket_assigner(|bucket: &String| bucket.clone()));

    let message = env.execute().unwrap_err().to_string();

    assert!(message.contains(&format!("the bucket \"../evil\" is no path below {}", out.display())), "{message}");
    assert_eq!(all_files(directory.path()), []);
}

#[test]
fn places_that_cannot_be_written_are_named_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "mine").unwrap();

    let message = failure(FileSink::lines(&file), ["a", "b"]);
    assert!(message.contains(&format!("cannot write {}: ", file.display())), "{message}");
    assert!(message.ends_with("move away the file that stands in its place"), "{message}");
    let message = failure(FileSink::lines(file.join("below")), ["a", "b"]);
    assert!(message.ends_with("move away the file that stands in its place"), "{message}");
    let message = failure(FileSink::lines(directory.path()).part_prefix("a/b"), ["a", "b"]);
    assert!(message.contains("\"a/b\" cannot be the prefix of a file's name"), "{message}");
    let no_size = RollingPolicy::new().max_part_size(0);
    let message = failure(FileSink::lines(directory.path()).rolling_policy(no_size), ["a", "b"]);
    assert!(message.contains("`max_part_size` is 0; give 1 byte or more"), "{message}");
    assert_eq!(all_files(directory.path()), files([("file", "mine")]));
}

fn removed_while_written(checkpointing: bool) -> String {
    let directory: TempDir = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let sink = FileSink::lines::<u32>(&out).rolling_policy(RollingPolicy::new().max_part_size(4));
    let mut harness = harness(sink, checkpointing);
    harness.open().unwrap();
    harness.process(0, [1_u32]).unwrap();
    fs::remove_dir_all(&out).unwrap();

    let error = match harness.process(0, [2_u32]) {
        Err(error) => error,
        Ok(_) => {
            let (id, _) = harness.snapshot(SnapshotKind::Checkpoint).unwrap();
            harness.complete_checkpoint(id).unwrap_err()
        }
    };
    error.to_string().replace(&out.display().to_string(), "OUT")
}

#[test]
fn a_directory_that_is_taken_away_while_a_part_is_written_fails_the_job() {
    let mut messages = [true, false].map(removed_while_written).to_vec();
    messages.dedup();

    assert!(messages.iter().all(|message| message.contains("OUT")), "{messages:?}");
}

#[test]
fn a_part_never_takes_the_place_of_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let sink = FileSink::lines::<u32>(directory.path());
    let mut harness = harness(sink, false);
    harness.open().unwrap();
    harness.process(0, [1_u32]).unwrap();
    fs::write(directory.path().join("part-0-0"), "mine").unwrap();

    let message = harness.advance_to(60_000).unwrap_err().to_string();

    assert!(message.ends_with("which exists already; move that away"), "{message}");
    assert_eq!(fs::read_to_string(directory.path().join("part-0-0")).unwrap(), "mine");
}

#[test]
fn a_value_without_a_form_in_the_format_fails_the_job_and_makes_nothing_visible() {
    use std::collections::BTreeMap;
    let directory = tempfile::tempdir().unwrap();
    let env = environment(1);
    env.from_collection([BTreeMap::from([("a".to_owned(), 1)])]).sink_to(FileSink::csv(directory.path()));

    let message = env.execute().unwrap_err().to_string();

    assert!(message.contains("a record has no form as CSV: "), "{message}");
    assert_eq!(visible_files(directory.path()), []);
}

/// What happens to a sink after it was given some numbers.
#[derive(Debug, Clone, Copy)]
enum Then {
    Complete,
    /// The checkpoint is complete, and the sink crashes before it is told.
    CompleteUntold,
    Abort,
    Crash,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_number_is_in_the_visible_files_once_wherever_the_sink_crashes(
        steps in prop::collection::vec(
            (0..400_u32, prop::sample::select(vec![Then::Complete, Then::CompleteUntold, Then::Abort, Then::Crash])),
            1..8,
        ),
        max_part_size in prop::sample::select(vec![20_000, 100_000, 1_000_000]),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let sink = FileSink::lines::<String>(directory.path())
            .rolling_policy(RollingPolicy::new().max_part_size(max_part_size));
        let start = |state: Option<&OperatorSnapshot>| {
            let mut harness = harness(sink.clone(), true);
            if let Some(state) = state {
                harness.restore(state.clone()).unwrap();
            }
            harness.open().unwrap();
            harness
        };
        // Long enough that some of what a checkpoint does not know is in the files when the sink crashes.
        let line = |number: u32| format!("{number} {}", "x".repeat(500));
        let (mut running, mut next) = (start(None), 0);
        let mut checkpoint: Option<(OperatorSnapshot, u32)> = None;

        for (count, then) in steps {
            running.process(0, (next..next + count).map(line)).unwrap();
            next += count;
            if !matches!(then, Then::Crash) {
                let (id, state) = running.snapshot(SnapshotKind::Checkpoint).unwrap();
                match then {
                    Then::Abort => running.abort_checkpoint(id).unwrap(),
                    _ => checkpoint = Some((state, next)),
                }
                if matches!(then, Then::Complete) {
                    running.complete_checkpoint(id).unwrap();
                }
            }
            if matches!(then, Then::Crash | Then::CompleteUntold) {
                drop(running);
                running = start(checkpoint.as_ref().map(|(state, _)| state));
                next = checkpoint.as_ref().map_or(0, |(_, position)| *position);
            }
        }
        running.finish().unwrap();
        checkpoint_and_crash(running);

        let visible = visible_files(directory.path());
        let lines = visible.iter().flat_map(|(_, content)| content.lines());
        let mut numbers: Vec<u32> = lines.map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (0..next).collect::<Vec<_>>());
    }
}

/// A child process that writes files until it is killed, when the variable names a directory.
#[test]
fn the_child_that_writes_files() {
    if let Some(directory) = std::env::var_os("RIVERRUN_TEST_WRITES_FILES") {
        let env = environment(2);
        let policy = RollingPolicy::new().max_part_size(300_000);
        let sink = FileSink::csv::<City>(Path::new(&directory)).rolling_policy(policy);
        env.from_sequence(1, u64::MAX - 1)
            .map(|n: u64| City { name: format!("city {n}"), people: Some(n as u32) })
            .sink_to(sink);
        env.execute().unwrap();
    }
}

#[test]
fn a_job_that_is_killed_leaves_no_part_of_a_file_visible() {
    for kill_at in [1, 4, 9] {
        let directory = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["the_child_that_writes_files", "--exact"])
            .env("RIVERRUN_TEST_WRITES_FILES", directory.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let visible = || {
            let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| !is_hidden(name.to_str().unwrap())).count()
        };
        while visible() < kill_at {
            assert_eq!(child.try_wait().unwrap(), None);
        }

        child.kill().unwrap();
        child.wait().unwrap();

        for (name, content) in visible_files(directory.path()) {
            assert!(content.len() >= 300_000 && content.len() < 300_100, "{name} has {} bytes", content.len());
            assert!(content.starts_with("name,people\n") && content.ends_with('\n'), "{name}");
        }
    }
}
