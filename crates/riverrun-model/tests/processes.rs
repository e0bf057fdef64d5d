//! Several processes on one store, some of them killed: each test starts itself again as a child.

// Clippy exempts what is marked as a test, and these helpers are only beside the tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use riverrun_model::{Error, ExportOptions, ImportOptions, ModelStore, Tag, TagRef};

/// Set for a child: the store, the directory to import, the tag.
const CHILD: &str = "RIVERRUN_TEST_CHILD";

/// Does what a child is for, and says whether this process is one.
fn ran_as_child() -> bool {
    let Ok(arguments) = env::var(CHILD) else {
        return false;
    };
    let [home, source, tag] = arguments.split('\n').collect::<Vec<_>>()[..] else {
        panic!("{CHILD} is malformed");
    };
    let tag: Tag = tag.parse().unwrap();
    let imported = ModelStore::at(home).and_then(|s| s.import_directory(source, tag.into()));
    match imported {
        Ok(_) => std::process::exit(0),
        Err(Error::AlreadyExists { identical: true, .. }) => std::process::exit(17),
        Err(error) => panic!("{error}"),
    }
}

/// Set for a child that exports: the store, the tag, the file.
const EXPORTING_CHILD: &str = "RIVERRUN_TEST_EXPORTING_CHILD";

fn ran_as_exporting_child() -> bool {
    let Ok(arguments) = env::var(EXPORTING_CHILD) else {
        return false;
    };
    let [home, tag, file] = arguments.split('\n').collect::<Vec<_>>()[..] else {
        panic!("{EXPORTING_CHILD} is malformed");
    };
    let store = ModelStore::at(home).unwrap();
    store.export(&TagRef::parse(tag).unwrap(), file, ExportOptions::new()).unwrap();
    std::process::exit(0)
}

fn start_export(test: &str, home: &Path, tag: &str, file: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test])
        .env(EXPORTING_CHILD, format!("{}\n{tag}\n{}", home.display(), file.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn start_import(test: &str, home: &Path, source: &Path, tag: &str) -> Child {
    let arguments = format!("{}\n{}\n{tag}", home.display(), source.display());
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test])
        .env(CHILD, arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// A model directory that takes a while to import.
fn large_model(bytes: usize) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let header = format!(r#"{{"w":{{"dtype":"U8","shape":[{bytes}],"data_offsets":[0,{bytes}]}}}}"#);
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend_from_slice(header.as_bytes());
    weights.resize(weights.len() + bytes, 7);
    let config = r#"{"architectures": ["BertForSequenceClassification"]}"#;
    fs::write(directory.path().join("config.json"), config).unwrap();
    fs::write(directory.path().join("tokenizer.json"), "{}").unwrap();
    fs::write(directory.path().join("model.safetensors"), weights).unwrap();
    directory
}

fn names_in(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_killed_import_leaves_no_trace() {
    if ran_as_child() {
        return;
    }
    const TEST: &str = "a_killed_import_leaves_no_trace";
    const ROUNDS: u32 = 40;
    let source = large_model(4 << 20);
    let home = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let status = start_import(TEST, home.path(), source.path(), "undisturbed:1").wait();
    assert!(status.unwrap().success());
    let whole = started.elapsed();

    let mut survived = 0;
    for round in 0..ROUNDS {
        let tag: Tag = format!("killed:{round}").parse().unwrap();
        let mut child = start_import(TEST, home.path(), source.path(), &tag.to_string());
        // Spread over the whole import; the scheduler of a busy machine adds the randomness.
        thread::sleep(whole * round / ROUNDS);
        child.kill().unwrap();
        child.wait().unwrap();

        let store = ModelStore::at(home.path()).unwrap();
        assert_eq!(names_in(&home.path().join(".staging")), [""; 0]);
        // The whole version, promoted, or nothing of it.
        match store.get(&TagRef::from(&tag)) {
            Ok(model) => {
                survived += 1;
                model.verify().unwrap();
                let latest = store.get(&TagRef::latest("killed").unwrap()).unwrap();
                assert_eq!(latest, model);
            }
            Err(Error::NotFound { .. }) => {
                let versions = home.path().join("models/killed");
                assert!(!versions.join(tag.version()).exists());
                assert!(!versions.exists() || !names_in(&versions).is_empty());
            }
            Err(error) => panic!("{error}"),
        }
    }
    eprintln!("{survived} of {ROUNDS} imports were over before they were killed");
}

#[test]
fn a_killed_export_leaves_no_half_archive_and_the_next_one_clears_up_after_it() {
    if ran_as_exporting_child() {
        return;
    }
    const TEST: &str = "a_killed_export_leaves_no_half_archive_and_the_next_one_clears_up_after_it";
    const ROUNDS: u32 = 20;
    let (home, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = ModelStore::at(home.path()).unwrap();
    store.import_directory(large_model(16 << 20).path(), "bert:1".parse::<Tag>().unwrap().into()).unwrap();
    let archive = out.path().join("bert.tar.zst");
    let started = Instant::now();
    assert!(start_export(TEST, home.path(), "bert:1", &archive).wait().unwrap().success());
    let (whole, bytes) = (started.elapsed(), fs::read(&archive).unwrap());
    fs::remove_file(&archive).unwrap();

    let mut cut_off = 0;
    for round in 0..ROUNDS {
        let mut child = start_export(TEST, home.path(), "bert:1", &archive);
        thread::sleep(whole * round / ROUNDS);
        child.kill().unwrap();
        child.wait().unwrap();
        cut_off += u32::from(names_in(out.path()).iter().any(|name| name.starts_with('.')));
        if archive.exists() {
            assert!(fs::read(&archive).unwrap() == bytes, "what has the archive's name is whole");
            fs::remove_file(&archive).unwrap();
        }
    }
    // As a killed export leaves it, whatever the machine's speed made of the others.
    fs::write(out.path().join(".bert-1.tar.zst.0123abcd"), "half").unwrap();
    fs::write(out.path().join(".bert-2.tar.zst.0123abcd"), "of another archive").unwrap();
    store.export(&TagRef::parse("bert:1").unwrap(), &archive, ExportOptions::new()).unwrap();

    let mut left = names_in(out.path());
    left.sort();
    assert_eq!(left, [".bert-2.tar.zst.0123abcd", "bert.tar.zst"]);
    assert!(fs::read(&archive).unwrap() == bytes);
    eprintln!("{cut_off} of {ROUNDS} exports had begun and were not over when they were killed");
}

#[test]
fn of_two_processes_importing_the_same_tag_one_wins_and_the_other_is_told() {
    if ran_as_child() {
        return;
    }
    const TEST: &str = "of_two_processes_importing_the_same_tag_one_wins_and_the_other_is_told";
    let source = large_model(1 << 20);
    let home = tempfile::tempdir().unwrap();

    for round in 0..10 {
        let tag = format!("contested:{round}");
        let children = [(); 2].map(|()| start_import(TEST, home.path(), source.path(), &tag));

        let mut codes = children.map(|mut child| child.wait().unwrap().code().unwrap());

        codes.sort_unstable();
        assert_eq!(codes, [0, 17]);
        let store = ModelStore::at(home.path()).unwrap();
        store.get(&tag.parse().unwrap()).unwrap().verify().unwrap();
    }
}

#[test]
fn a_reader_never_sees_half_a_model_while_versions_come_and_go() {
    let source = large_model(1 << 16);
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    let import = |version: usize| {
        let options = ImportOptions::new("busy").version(version.to_string());
        store.import_directory(source.path(), options).unwrap()
    };
    import(0);
    let latest = TagRef::latest("busy").unwrap();
    let deadline = Instant::now() + Duration::from_millis(700);

    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut version = 0;
            while Instant::now() < deadline {
                version += 1;
                import(version);
                let old: Tag = format!("busy:{}", version - 1).parse().unwrap();
                store.delete(&old).unwrap();
            }
            version
        });
        let mut seen = 0;
        while !writer.is_finished() {
            let reader = ModelStore::at(home.path()).unwrap();
            assert_eq!(reader.get(&latest).unwrap().tag().name(), "busy");
            for entry in reader.list().unwrap() {
                entry.model.unwrap();
            }
            seen += 1;
        }
        assert!(writer.join().unwrap() > 0 && seen > 0);
    });
}
