//! The examples, run as a user runs them.
#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// The example of this name, which the test command has built beside this test.
fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    this.ancestors().nth(2).unwrap().join("examples").join(name)
}

fn run(name: &str, home: &std::path::Path) -> Output {
    Command::new(example(name)).env("RIVERRUN_HOME", home).output().unwrap()
}

#[test]
fn classify_tweets_prints_each_tweet_with_its_label_and_imports_the_model_once() {
    let home = tempfile::tempdir().unwrap();

    let first = run("classify_tweets", home.path());
    let second = run("classify_tweets", home.path());

    let lines = String::from_utf8(first.stdout.clone()).unwrap();
    let printed: Vec<(u64, String, f64)> = lines
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            let best = &value[2][0];
            (value[0].as_u64().unwrap(), best["label"].as_str().unwrap().into(), best["score"].as_f64().unwrap())
        })
        .collect();
    // As `transformers` 4.41 gives them for the same model.
    let expected = [
        (1, "neutral", 0.8401),
        (2, "neutral", 0.9220),
        (3, "neutral", 0.5522),
        (4, "neutral", 0.8909),
        (5, "neutral", 0.9010),
        (6, "positive", 0.9750),
        (7, "negative", 0.9517),
    ];
    assert_eq!(printed.len(), expected.len(), "{lines}{}", String::from_utf8_lossy(&first.stderr));
    for ((id, label, score), expected) in printed.iter().zip(expected) {
        assert_eq!((*id, label.as_str()), (expected.0, expected.1));
        assert!((score - expected.2).abs() < 2e-4, "{id}: {score} instead of {}", expected.2);
    }
    assert!(String::from_utf8_lossy(&first.stderr).contains("imported text-classification:"));
    assert!(second.stderr.is_empty(), "{}", String::from_utf8_lossy(&second.stderr));
    assert_eq!(first.stdout, second.stdout);
}

fn lines(name: &str) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let output = run(name, home.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect()
}

#[test]
fn classify_windows_scores_each_window_as_a_batch_and_one_by_one() {
    let mut printed = lines("classify_windows");

    printed.sort();
    let expected = [
        r#"first negative> ["ada","What a terrible, boring film."]"#,
        r#"first negative> ["bob","This is the worst service I have ever had."]"#,
        r#"label> ["ada",0,"negative"]"#,
        r#"label> ["ada",0,"positive"]"#,
        r#"label> ["ada",1,"neutral"]"#,
        r#"label> ["ada",1,"positive"]"#,
        r#"label> ["bob",0,"negative"]"#,
        r#"label> ["bob",1,"negative"]"#,
    ];
    assert_eq!(printed, expected);
}
