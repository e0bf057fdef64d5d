//! CSV, JSON lines and ranges of files: whatever is done to the reading, the records are those of the whole file.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use riverrun_connectors::FileSource;
use riverrun_local::LocalHost;
use riverrun_stream::source::{Boundedness, RecordError, Source, SplitAssignment, SplitEnumerator};
use riverrun_stream::{Data, StreamExecutionEnvironment};
use riverrun_testing::{CollectingSink, SourceSuite, SuiteReport};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct City {
    name: String,
    people: u32,
    #[serde(default)]
    note: Option<String>,
}

fn city(name: &str, people: u32, note: Option<&str>) -> City {
    City { name: name.into(), people, note: note.map(Into::into) }
}

fn file(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Reads a source whole, and disturbed in so many ways.
fn suite<S: Source>(seeds: u64, source: impl Fn() -> S + 'static) -> SuiteReport {
    SourceSuite::new(source).seeds(seeds).run().unwrap()
}

type Read<T> = (Vec<T>, Vec<RecordError>);

fn read<S: Source>(source: impl Fn() -> S + 'static) -> Read<S::Out> {
    let report = suite(0, source);
    (report.values(0).unwrap(), report.values(1).unwrap())
}

fn csv<T: Data>(content: impl AsRef<[u8]>, options: impl Fn(CsvSource<T>) -> CsvSource<T> + 'static) -> Read<T> {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "a.csv", content);
    read(move || options(FileSource::csv::<T>([&path])))
}

type CsvSource<T> = FileSource<riverrun_connectors::CsvFormat<T>>;

/// Their messages with the names of the files alone.
fn messages(errors: &[RecordError]) -> Vec<String> {
    let name = |record: &str| match record.rfind('/') {
        Some(slash) => format!("{}{}", &record[..record.find('/').unwrap()], &record[slash + 1..]),
        None => record.to_owned(),
    };
    errors.iter().map(|error| format!("{}: {}", name(&error.record), error.message)).collect()
}

#[test]
fn rows_are_read_by_the_names_of_their_columns() {
    let (rows, errors) =
        csv::<City>("people,name,note\n5,Ulm,\n7,\"Bad, \"\"Orb\"\"\",salt\r\n\r\n9,Rome,x", |csv| csv);

    assert_eq!(errors, []);
    assert_eq!(rows, [city("Ulm", 5, None), city("Bad, \"Orb\"", 7, Some("salt")), city("Rome", 9, Some("x"))]);
}

#[test]
fn quoted_fields_may_hold_newlines_and_the_lines_behind_them_are_counted_rightly() {
    let (rows, errors) = csv::<City>("name,people\n\"Bad\nOrb\",7\nUlm,many\n\"never closed,5\nx,1\n", |csv| csv);

    assert_eq!(rows, [city("Bad\nOrb", 7, None)]);
    let expected = [
        "line 4 of a.csv: field `people`: invalid digit found in string",
        "line 5 of a.csv: a quote is opened in it and never closed",
    ];
    assert_eq!(messages(&errors), expected);
}

#[test]
fn bad_rows_are_errors_with_their_lines_and_the_others_are_read() {
    let content = b"name,people\nUlm,5,6\nUlm\n,\nUlm,-1\nB\xffd,1\nRome,9\n";
    let (rows, errors) = csv::<City>(content, |csv| csv);

    assert_eq!(rows, [city("Rome", 9, None)]);
    let expected = [
        "line 2 of a.csv: 3 fields, and the header has 2",
        "line 3 of a.csv: 1 field, and the header has 2",
        "line 4 of a.csv: field `people`: cannot parse integer from empty string",
        "line 5 of a.csv: field `people`: invalid digit found in string",
        "line 6 of a.csv: not UTF-8 from byte 2 on; convert the file to UTF-8",
    ];
    assert_eq!(messages(&errors), expected);
}

#[test]
fn rows_without_a_header_and_with_another_delimiter_are_read_by_position() {
    let (rows, errors) =
        csv::<(String, u32)>("\u{feff}Ulm;5\nRome;\"9\"\n", |csv| csv.without_header().delimiter(b';'));

    assert_eq!(errors, []);
    assert_eq!(rows, [("Ulm".to_owned(), 5), ("Rome".to_owned(), 9)]);
}

#[test]
fn a_file_whose_header_cannot_be_read_is_one_error_and_the_next_file_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let header = format!("\"{}", "x".repeat(100));
    file(directory.path(), "a.csv", format!("{header}\nUlm,5\n"));
    file(directory.path(), "b.csv", "na\"me,people\nUlm,5\n");
    file(directory.path(), "c.csv", "");
    file(directory.path(), "d.csv", "name,people\nRome,9");
    let path = directory.path().to_owned();

    for split in [1, 1000] {
        let path = path.clone();
        let source =
            move || FileSource::csv::<City>([&path]).one_row_per_line().max_record_bytes(50).max_split_bytes(split);
        let (rows, errors) = read(source);

        assert_eq!(rows, [city("Rome", 9, None)]);
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].message.starts_with("101 bytes long, more than the 50"), "{errors:?}");
        assert!(errors[1].message.contains("missing field `name`"), "{errors:?}");
    }
}

#[test]
fn a_header_behind_blank_lines_is_found_once_in_whatever_ranges_the_file_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "a.csv", "\n\r\n\nname,people\n\nUlm,5\nRome,9\n");

    for split in 1..20 {
        let path = path.clone();
        let (rows, errors) = read(move || FileSource::csv::<City>([&path]).one_row_per_line().max_split_bytes(split));

        assert_eq!(errors, []);
        assert_eq!(rows, [city("Ulm", 5, None), city("Rome", 9, None)], "in ranges of {split}");
    }
}

#[test]
fn with_one_row_a_line_a_quote_that_is_not_closed_harms_its_own_row_alone() {
    let (rows, errors) = csv::<City>("name,people\n\"Ulm,5\nRome,9\n", |csv| csv.one_row_per_line());

    assert_eq!(rows, [city("Rome", 9, None)]);
    assert_eq!(messages(&errors), ["line 2 of a.csv: a quote is opened in it and never closed"]);
}

#[test]
fn a_line_of_json_is_a_record_and_a_bad_one_an_error_with_its_column() {
    let directory = tempfile::tempdir().unwrap();
    let content = b"\xef\xbb\xbf{\"name\":\"Ulm\",\"people\":5}\r\n\n{\"name\":\"Rome\"}\n{\"name\nnull\n\xff\n{\"name\":\"Bonn\",\"people\":3,\"x\":[]}";
    let path = file(directory.path(), "a.jsonl", content);

    let (rows, errors) = read(move || FileSource::json_lines::<City>([&path]));

    assert_eq!(rows, [city("Ulm", 5, None), city("Bonn", 3, None)]);
    let messages = messages(&errors);
    assert_eq!(messages[0], "line 3 of a.jsonl: missing field `people` (column 15)");
    assert!(messages[1].starts_with("line 4 of a.jsonl: EOF while parsing a string"), "{messages:?}");
    assert!(messages[2].starts_with("line 5 of a.jsonl: invalid type: null"), "{messages:?}");
    assert_eq!(messages[3], "line 6 of a.jsonl: not UTF-8 from byte 1 on; convert the file to UTF-8");
}

#[test]
fn several_subtasks_read_one_file_in_ranges_and_every_record_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "a", (0..5000).map(|line| format!("{line}\n")).collect::<String>());
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(3);

    let source = FileSource::lines([path]).max_split_bytes(700);
    let lines = env.from_source(source).execute_and_collect().unwrap();

    let mut numbers: Vec<u32> = lines.iter().map(|line| line.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..5000));
}

/// The sizes of the splits of one file, as so many subtasks are given them in turn.
fn split_sizes<S: Source>(source: &S, subtasks: usize) -> usize {
    let mut enumerator = source.create_enumerator().unwrap();
    let mut splits = 0;
    while let SplitAssignment::Split(_) =
        SplitEnumerator::next_split(&mut enumerator, splits % subtasks, subtasks).unwrap()
    {
        splits += 1;
    }
    splits
}

#[test]
fn a_large_file_is_cut_for_several_subtasks_where_its_format_allows_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "a", "x\n".repeat(8 * 1024 * 1024));

    let lines = FileSource::lines([&path]);
    assert_eq!((split_sizes(&lines, 1), split_sizes(&lines, 2)), (1, 14));
    assert_eq!(split_sizes(&lines.with_positions(), 2), 1);
    let csv = FileSource::csv::<(String,)>([&path]);
    assert_eq!((split_sizes(&csv, 2), split_sizes(&csv.one_row_per_line(), 2)), (1, 14));
}

#[test]
fn an_error_in_a_range_names_the_byte_at_which_its_line_begins() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "a", b"one\ntwo\nth\xffee\n");

    let (_, errors) = read(move || FileSource::lines([&path]).max_split_bytes(6));

    assert!(errors[0].record.starts_with("the line at byte 8 of "), "{errors:?}");
}

#[test]
fn a_monitored_directory_gives_files_that_come_later_each_once() {
    let directory = tempfile::tempdir().unwrap();
    let pattern = directory.path().join("*.txt");
    let source = FileSource::lines([&pattern]).monitor_continuously(Duration::from_secs(10));
    assert_eq!(source.boundedness(), Boundedness::ContinuousUnbounded);
    let name = |assignment: SplitAssignment<riverrun_connectors::InputSplit>| match assignment {
        SplitAssignment::Split(split) => {
            format!("{split:?}").split('"').nth(1).unwrap().rsplit('/').next().map(String::from)
        }
        SplitAssignment::Wait(10_000) => None,
        other => panic!("{other:?}"),
    };
    let mut enumerator = source.create_enumerator().unwrap();
    let mut next = |subtask| name(SplitEnumerator::next_split(&mut enumerator, subtask, 2).unwrap());
    assert_eq!((next(0), next(1)), (None, None));

    ["a.txt", "b.txt", ".c.txt"].iter().for_each(|name| drop(file(directory.path(), name, "x")));

    assert_eq!((next(0), next(1)), (Some("a.txt".into()), Some("b.txt".into())));
    assert_eq!((next(0), next(0)), (None, None));
    std::fs::remove_file(directory.path().join("a.txt")).unwrap();
    file(directory.path(), "d.txt", "x");
    assert_eq!((next(0), next(0)), (Some("d.txt".into()), None));
    let state = SplitEnumerator::snapshot(&enumerator).unwrap();
    let mut restored = source.restore_enumerator(&state).unwrap();
    let mut next = |subtask| name(SplitEnumerator::next_split(&mut restored, subtask, 2).unwrap());
    file(directory.path(), "e.txt", "x");
    assert_eq!((next(0), next(0), next(0)), (None, Some("e.txt".into()), None));
}

#[test]
fn a_job_reads_files_that_come_while_it_runs_until_it_is_cancelled() {
    let directory = tempfile::tempdir().unwrap();
    file(directory.path(), "a.txt", "one\n");
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(2);
    let seen = CollectingSink::new();
    let source = FileSource::lines([directory.path()]).monitor_continuously(Duration::from_millis(5));
    env.from_source(source).sink_to(seen.clone());
    let wait_for = |expected: &str| {
        let mut lines = Vec::new();
        while lines != [expected] {
            lines.extend(seen.take());
            std::thread::yield_now();
        }
    };

    let job = env.execute_async().unwrap();

    wait_for("one");
    let hidden = file(directory.path(), ".b", "two\n");
    std::fs::rename(hidden, directory.path().join("b.txt")).unwrap();
    wait_for("two");
    job.cancel();
    assert!(job.wait().is_err());
}

#[cfg(unix)]
#[test]
fn rows_of_a_pipe_are_read_by_the_names_in_its_first_row() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, "people,name\n5,Ulm\n9,\"Ro\nme\"\n").unwrap()
    });

    let (rows, errors) = read(move || FileSource::csv::<City>([&pipe]));

    assert_eq!(errors, []);
    assert_eq!(rows, [city("Ulm", 5, None), city("Ro\nme", 9, None)]);
    writer.join().unwrap();
}

#[test]
fn options_that_mean_nothing_are_refused_before_anything_runs() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "a", "x");
    let message = |error: Option<riverrun_stream::FunctionError>| error.unwrap().to_string();

    let delimiter = FileSource::csv::<(String,)>([&path]).delimiter(b'\n').create_enumerator().err();
    assert!(message(delimiter).starts_with("'\\n' cannot be the delimiter of CSV"));
    let splits = FileSource::lines([&path]).max_split_bytes(0).create_enumerator().err();
    assert!(message(splits).contains("`max_split_bytes` 1 or more"));
    let interval = FileSource::lines([&path]).monitor_continuously(Duration::ZERO).create_enumerator().err();
    assert!(message(interval).contains("`monitor_continuously` 1 ms or more"));
    let missing = FileSource::lines([directory.path().join("*.csv")]).create_enumerator().err();
    assert!(message(missing).contains("no file matches") && path.exists());
}

fn contents(of: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(of), 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_ranges_of_lines_with_any_restores_give_the_lines_of_the_whole_file(
        content in contents(b"\n\n\r\raz\xc3\xa9\xff\xef\xbb\xbf"), split in 1_u64..40,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), "a", content);
        let (ranges, whole) = (path.clone(), path);

        let report = suite(4, move || FileSource::lines([&ranges]).max_split_bytes(split).max_record_bytes(9));

        let (lines, errors) = read(move || FileSource::lines([&whole]).max_record_bytes(9));
        prop_assert_eq!(report.values::<String>(0).unwrap(), lines);
        let messages = |errors: Vec<RecordError>| errors.into_iter().map(|error| error.message).collect::<Vec<_>>();
        prop_assert_eq!(messages(report.values(1).unwrap()), messages(errors));
    }

    #[test]
    fn any_ranges_of_rows_with_any_restores_give_the_rows_of_the_whole_file(
        content in contents(b"\n\n\n\r12,,,,\""), split in 1_u64..40,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), "a", content);
        let (ranges, whole) = (path.clone(), path);
        type Row = Vec<String>;

        let report = suite(4, move || FileSource::csv::<Row>([&ranges]).one_row_per_line().max_split_bytes(split));

        let (rows, errors) = read(move || FileSource::csv::<Row>([&whole]).one_row_per_line());
        prop_assert_eq!(report.values::<Row>(0).unwrap(), rows);
        prop_assert_eq!(report.values::<RecordError>(1).unwrap().len(), errors.len());
    }

    #[test]
    fn any_ranges_of_json_with_any_restores_give_the_values_of_the_whole_file(
        content in contents(b"\n\n\r 12,[]\"\xff"), split in 1_u64..40,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), "a", content);
        let (ranges, whole) = (path.clone(), path);
        type Numbers = Vec<u8>;

        let report = suite(4, move || FileSource::json_lines::<Numbers>([&ranges]).max_split_bytes(split));

        let (values, errors) = read(move || FileSource::json_lines::<Numbers>([&whole]));
        prop_assert_eq!(report.values::<Numbers>(0).unwrap(), values);
        prop_assert_eq!(report.values::<RecordError>(1).unwrap().len(), errors.len());
    }

    #[test]
    fn any_bytes_are_records_and_errors_and_never_a_failure(content in prop::collection::vec(any::<u8>(), 0..2000)) {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), "a", [b"a", &content[..]].concat());
        let paths = [(); 4].map(|()| path.clone());
        let [lines, csv, rows, json] = paths;

        let (records, errors) = read(move || FileSource::lines([&lines]));
        let count = content.split(|&byte| byte == b'\n').count() - usize::from(content.last() == Some(&b'\n'));
        prop_assert_eq!(records.len() + errors.len(), count);
        read(move || FileSource::csv::<City>([&csv]).max_record_bytes(200));
        read(move || FileSource::csv::<Vec<String>>([&rows]).without_header().one_row_per_line());
        read(move || FileSource::json_lines::<City>([&json]));
    }

    #[test]
    fn rows_with_newlines_in_quotes_and_any_restores_are_what_the_csv_crate_reads(
        content in contents(b"\n\n\n12,,,,\"\""),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), "a", &content);
        type Row = Vec<String>;

        let report = suite(4, move || FileSource::csv::<Row>([&path]).without_header());

        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&content[..]);
        let mut expected: Vec<Row> = reader.deserialize().map(Result::unwrap).collect();
        // The other reader takes the end of the file for the missing quote.
        expected.truncate(expected.len() - report.values::<RecordError>(1).unwrap().len());
        prop_assert_eq!(report.values::<Row>(0).unwrap(), expected);
    }
}
