//! `riverrun models` as people and scripts use it.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

#[path = "../../riverrun-model/tests/hub/mod.rs"]
mod hub;
mod machine;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use hub::{COMMIT, Fault, Hub};
use machine::{MODEL, Machine, stderr, stdout};
use serde_json::Value;

const CRAYFISH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../riverrun-model/tests/fixtures/onnx/crayfish-ffnn.onnx");

fn json(machine: &Machine, arguments: &[&str]) -> Value {
    let output = machine.run(&[&["models", "--output", "json"], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

#[test]
fn a_model_goes_to_another_machine_as_one_file() {
    let (one, other) = (Machine::with_model(), Machine::bare());

    let exported = json(&one, &["export", "text-classification"]);
    let archive = one.path("text-classification-1.0.tar.zst");
    let imported = json(&other, &["import", archive.to_str().unwrap()]);
    other.write("a.txt", "what a lovely day\n");
    let classified = other.run(&["classify", "a.txt"]);

    assert_eq!(exported["file"], "text-classification-1.0.tar.zst");
    assert_eq!(exported["size"], fs::metadata(&archive).unwrap().len());
    assert_eq!(imported["tag"], "text-classification:1.0");
    assert!(stdout(&classified).contains("\"positive\""), "{}", stderr(&classified));
}

#[test]
fn an_archive_goes_through_a_pipe() {
    let (one, other) = (Machine::with_model(), Machine::bare());

    let mut export = one.command(&["models", "export", "text-classification", "-"]);
    let mut export = export.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let import = other
        .command(&["models", "import", "-", "--name", "piped"])
        .stdin(export.stdout.take().unwrap())
        .output()
        .unwrap();

    assert!(export.wait().unwrap().success());
    assert!(stdout(&import).starts_with("piped:1.0 is imported (text-classification, "), "{}", stderr(&import));
}

#[test]
fn an_export_overwrites_nothing_and_a_broken_archive_leaves_nothing() {
    let machine = Machine::with_model();
    machine.write("model.tar.zst", "mine");

    let export = machine.run(&["models", "export", "text-classification", "model.tar.zst"]);
    let import = machine.run(&["models", "import", "model.tar.zst", "--name", "broken"]);
    let nowhere = machine.run(&["models", "export", "text-classification", "no/such/place.tar.zst"]);

    assert_eq!(export.status.code(), Some(1));
    assert!(stderr(&export).contains("model.tar.zst is there already") && stderr(&export).contains("--force"));
    assert_eq!(fs::read_to_string(machine.path("model.tar.zst")).unwrap(), "mine");
    assert_eq!(import.status.code(), Some(1));
    assert!(stderr(&import).contains("model.tar.zst was refused and nothing of it was kept"), "{}", stderr(&import));
    assert!(stderr(&nowhere).contains("make its directory, or name another file"), "{}", stderr(&nowhere));
    assert_eq!(json(&machine, &["list"]).as_array().unwrap().len(), 1);
}

#[test]
fn an_archive_larger_than_allowed_is_refused() {
    let machine = Machine::with_model();
    machine.run(&["models", "export", "text-classification", "model.tar.zst"]);

    let refused = machine.run(&["models", "import", "model.tar.zst", "--name", "x", "--max-size", "1MB"]);

    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("and the most is 1000000"), "{}", stderr(&refused));
}

#[test]
fn an_onnx_model_shows_what_it_takes_and_gives() {
    let machine = Machine::bare();
    let import = machine.run(&["models", "import", CRAYFISH, "--name", "crayfish", "--version", "1"]);

    let shown = stdout(&machine.run(&["models", "get", "crayfish"]));
    let get = json(&machine, &["get", "crayfish"]);

    assert_eq!(stdout(&import), "crayfish:1 is imported (onnx, 116.61 kB); crayfish:latest is this version now\n");
    for line in ["format     onnx", "input      input: float32 [batch_size, 1, 784]", "output     output: float32 ["] {
        assert!(shown.contains(line), "{shown}");
    }
    assert_eq!(get["inputs"][0]["shape"], serde_json::json!(["batch_size", 1, 784]));
    assert_eq!(get["main"], "crayfish-ffnn.onnx");
}

#[test]
fn names_in_a_model_cannot_steer_the_terminal() {
    let machine = Machine::bare();
    // A graph with an output `y` whose name clears the screen, and nothing else.
    let mut graph = vec![0x62, 0x06, 0x0a, 0x04];
    graph.extend_from_slice(b"\x1b[2J");
    let mut model = vec![0x08, 0x08, 0x3a, u8::try_from(graph.len()).unwrap()];
    model.extend(graph);
    machine.write("model.onnx", model);
    machine.run(&["models", "import", "model.onnx", "--name", "hostile"]);
    machine.write("README\u{1b}[2J.onnx", "x");

    let shown = machine.run(&["models", "get", "hostile"]);
    let refused = machine.run(&["models", "import", "README\u{1b}[2J.onnx", "--name", "x"]);

    assert!(stdout(&shown).contains("output     \\u{1b}[2J"), "{}", stdout(&shown));
    assert!(stderr(&refused).contains("README\\u{1b}[2J.onnx"), "{}", stderr(&refused));
    assert!(!stdout(&shown).contains('\u{1b}') && !stderr(&refused).contains('\u{1b}'));
}

#[test]
fn labels_and_metadata_are_kept_shown_changed_and_searched_for() {
    let machine = Machine::bare();
    let import = |version: &str, stage: &str| {
        let label = format!("stage={stage}");
        let arguments = ["models", "import", MODEL, "--name", "sentiment", "--version", version, "--label", &label];
        let output =
            machine.run(&[&arguments[..], &["--metadata", "accuracy=0.71", "--metadata", "set=tweets"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
    };
    import("1", "dev");
    import("2", "production");

    let labelled = machine.run(&["models", "label", "sentiment:1", "stage=staging", "team=nlp", "nothing-"]);
    let shown = stdout(&machine.run(&["models", "get", "sentiment:1"]));
    let found = json(&machine, &["list", "sentiment", "--label", "stage=staging"]);
    let with_team = json(&machine, &["list", "--label", "team"]);
    let none = machine.run(&["models", "list", "--label", "stage=dev"]);
    let wrong = machine.run(&["models", "label", "sentiment", "stage"]);

    assert_eq!(stdout(&labelled), "stage=staging\nteam=nlp\n");
    for line in ["task       text-classification", "input      text: string", "output     label: string"] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(shown.contains("label      team=nlp") && shown.contains("metadata   set=\"tweets\""), "{shown}");
    assert_eq!(found[0]["tag"], "sentiment:1");
    assert_eq!(found[0]["metadata"]["accuracy"], 0.71);
    assert_eq!((found.as_array().unwrap().len(), with_team.as_array().unwrap().len()), (1, 1));
    assert!(none.stdout.is_empty() && stderr(&none).contains("none of the store's 2 versions is like that"));
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn every_command_answers_programs_in_json() {
    let machine = Machine::with_model();

    let label = json(&machine, &["label", "text-classification", "stage=dev"]);
    let get = json(&machine, &["get", "text-classification"]);
    let path = json(&machine, &["path", "text-classification"]);
    let promote = json(&machine, &["promote", "text-classification:1.0"]);
    let export = json(&machine, &["export", "text-classification"]);
    let import = json(&machine, &["import", "text-classification-1.0.tar.zst", "--version", "2.0"]);
    let list = json(&machine, &["list"]);
    let delete = json(&machine, &["delete", "text-classification:1.0"]);

    assert_eq!(label["labels"]["stage"], "dev");
    assert_eq!((&get["framework"], &get["format"]), (&"transformers".into(), &"safetensors".into()));
    assert_eq!(path["path"], get["path"]);
    assert_eq!(promote["latest"], "text-classification:1.0");
    assert_eq!(export["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(import["labels"]["stage"], "dev", "labels travel along");
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(delete["latest"], "text-classification:2.0");
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_no_text_is_shown_as_well_as_it_can_be() {
    use std::os::unix::ffi::OsStrExt;
    let machine = Machine::bare();
    let home = machine.path("home").join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    let archive = machine.path(".").join(std::ffi::OsStr::from_bytes(b"caf\xe9.tar.zst"));
    let run = |arguments: &[&str]| {
        let arguments = [&["models", "--output", "json"], arguments].concat();
        machine.command(&arguments).env("RIVERRUN_HOME", &home).output().unwrap()
    };
    let import = run(&["import", CRAYFISH, "--name", "crayfish"]);
    let export = machine
        .command(&["models", "--output", "json", "export", "crayfish"])
        .arg(&archive)
        .env("RIVERRUN_HOME", &home)
        .output()
        .unwrap();

    for output in [&import, &export, &run(&["get", "crayfish"]), &run(&["path", "crayfish"]), &run(&["list"])] {
        assert!(output.status.success(), "{}", stderr(output));
        assert!(stdout(output).contains("caf\u{fffd}"), "{}", stdout(output));
    }
    assert!(archive.is_file());
}

/// Runs `models pull` against a hub, with a cache of the machine's own.
fn pull(machine: &Machine, hub: &Hub, token: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = machine.command(&[&["models", "pull"], arguments].concat());
    for variable in ["HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"] {
        command.env_remove(variable);
    }
    command.env("HF_ENDPOINT", hub.address()).env("HF_HOME", machine.path("hf")).env("NO_PROXY", "127.0.0.1");
    command.envs(token.map(|token| ("HF_TOKEN", token))).output().unwrap()
}

#[test]
fn a_model_is_pulled_and_used_and_there_the_next_time() {
    let (machine, hub) = (Machine::bare(), Hub::start());
    hub.directory("org/Tweet-Sentiment", Path::new(MODEL));

    let first = pull(&machine, &hub, None, &["hf:org/Tweet-Sentiment", "--name", "text-classification"]);
    let second = pull(&machine, &hub, None, &["hf:org/Tweet-Sentiment", "--name", "text-classification"]);
    let offline = pull(&machine, &hub, None, &["hf:org/Tweet-Sentiment", "--offline", "--output", "json"]);
    machine.write("a.txt", "what a lovely day\n");
    let classified = machine.run(&["classify", "a.txt"]);
    let large = pull(&machine, &hub, None, &["hf:org/Tweet-Sentiment", "--name", "x", "--max-size", "1MB"]);
    let shown = stdout(&machine.run(&["models", "get", "text-classification"]));

    let tag = format!("text-classification:{}", &COMMIT[..12]);
    assert!(stdout(&first).starts_with(&format!("{tag} is pulled (text-classification, ")), "{}", stderr(&first));
    assert!(first.stderr.is_empty(), "{}", stderr(&first));
    assert!(stdout(&second).starts_with(&format!("{tag} is there already ")), "{}", stderr(&second));
    assert!(stderr(&large).contains("larger than 1000000 bytes; allow more with `--max-size`"), "{}", stderr(&large));
    let offline: Value = serde_json::from_str(&stdout(&offline)).unwrap();
    assert_eq!((&offline["commit"], &offline["new"]), (&COMMIT.into(), &true.into()));
    assert!(stdout(&classified).contains("\"positive\""), "{}", stderr(&classified));
    assert!(shown.contains(&format!("commit = \"{COMMIT}\"")), "{shown}");
}

#[test]
fn a_gated_model_needs_the_right_token_from_the_environment_or_a_file() {
    let (machine, hub) = (Machine::bare(), Hub::start());
    hub.directory("org/gated", Path::new(MODEL));
    hub.gate("org/gated", "hf_right");
    machine.write("token", "hf_right\n");
    machine.write("no-token", "two words\n");

    let without = pull(&machine, &hub, None, &["hf:org/gated"]);
    let wrong = pull(&machine, &hub, Some("hf_wrong"), &["hf:org/gated"]);
    let malformed = pull(&machine, &hub, None, &["hf:org/gated", "--token-file", "no-token"]);
    let from_file = pull(&machine, &hub, Some("hf_wrong"), &["hf:org/gated", "--token-file", "token"]);
    let unused = pull(&machine, &hub, Some("two words"), &["hf:org/gated", "--token-file", "token"]);
    let offline = pull(&machine, &hub, Some("two words"), &["hf:org/gated", "--offline"]);
    let in_environment = pull(&machine, &hub, Some("two words"), &["hf:org/gated"]);
    let from_environment = pull(&machine, &hub, Some("hf_right"), &["hf:org/gated", "--name", "other"]);

    for refused in [&without, &wrong] {
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(refused).contains("HF_TOKEN or `--token-file`"), "{}", stderr(refused));
    }
    assert_eq!(malformed.status.code(), Some(2));
    assert!(stderr(&malformed).contains("the token for the hub in no-token is not"), "{}", stderr(&malformed));
    assert!(
        stderr(&in_environment).contains("the token for the hub in HF_TOKEN is not"),
        "{}",
        stderr(&in_environment)
    );
    assert!(unused.status.success() && offline.status.success(), "{}{}", stderr(&unused), stderr(&offline));
    assert!(!stderr(&malformed).contains("two words"), "what is in the file is not shown");
    assert!(from_file.status.success() && from_environment.status.success(), "{}", stderr(&from_file));
}

#[test]
fn the_cache_is_where_the_hubs_own_client_has_it() {
    let (machine, hub) = (Machine::bare(), Hub::start());
    hub.directory("org/model", Path::new(MODEL));
    let pull = |variables: &[(&str, PathBuf)], more: &[&str]| {
        let mut command = machine.command(&[&["models", "pull", "hf:org/model"], more].concat());
        for name in ["HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"]
        {
            command.env_remove(name);
        }
        command.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", hub.address()).env("NO_PROXY", "127.0.0.1");
        command.env("HOME", machine.path("user")).envs(variables.iter().map(|(name, place)| (*name, place)));
        command.output().unwrap()
    };
    let cases: [(&[(&str, PathBuf)], &str); 5] = [
        (&[("HF_HUB_CACHE", machine.path("a")), ("HF_HOME", machine.path("b"))], "a"),
        (&[("HF_HOME", machine.path("b")), ("XDG_CACHE_HOME", machine.path("c"))], "b/hub"),
        (&[("XDG_CACHE_HOME", machine.path("c"))], "c/huggingface/hub"),
        (&[("HF_HOME", "~/d".into())], "user/d/hub"),
        (&[], "user/.cache/huggingface/hub"),
    ];
    for (number, (variables, place)) in cases.into_iter().enumerate() {
        let name = format!("model-{number}");
        let offline = [variables, &[("TRANSFORMERS_OFFLINE", "1".into())]].concat();

        let too_early = pull(&offline, &["--name", &name]);
        let pulled = pull(variables, &["--name", &name]);
        let again = pull(&offline, &["--name", &format!("{name}-offline")]);

        assert!(!too_early.status.success() && stderr(&too_early).contains("is not in the cache"), "{place}");
        assert!(pulled.status.success() && again.status.success(), "{}{}", stderr(&pulled), stderr(&again));
        assert!(machine.path(place).join("models--org--model/snapshots").join(COMMIT).is_dir(), "{place}");
    }
}

#[test]
fn a_password_in_an_address_is_in_no_message_and_in_no_metadata() {
    let (machine, hub) = (Machine::bare(), Hub::start());
    hub.directory("org/model", Path::new(MODEL));
    assert!(pull(&machine, &hub, None, &["hf:org/model"]).status.success());
    let address = hub.address().replace("http://", "http://me:hf_secret@");
    let with_password = |arguments: &[&str]| {
        let mut command = machine.command(&[&["models", "pull"], arguments].concat());
        command.env("HF_ENDPOINT", &address).env("HF_HOME", machine.path("hf")).env("RIVERRUN_LOG", "trace");
        command.output().unwrap()
    };

    let refused = with_password(&["hf:org/model", "--name", "other"]);
    let offline = with_password(&["hf:org/model", "--name", "other", "--offline"]);
    let reference = with_password(&["https://me:hf_secret@hub.example/org/model"]);

    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("http://…@127.0.0.1"), "{}", stderr(&refused));
    assert!(offline.status.success() && reference.status.code() == Some(2), "{}", stderr(&offline));
    let kept = stdout(&machine.run(&["models", "get", "other", "--output", "json"]));
    // A wrong argument is shown as it was typed.
    let said = [&refused, &offline].map(|output| stderr(output) + &stdout(output)).concat();
    assert!(!said.contains("hf_secret") && !kept.contains("hf_secret"), "{said}{kept}");
}

#[test]
fn a_pull_that_cannot_be_is_said_with_what_to_do() {
    let (machine, hub) = (Machine::bare(), Hub::start());
    for path in ["config.json", "tokenizer.json", "pytorch_model.bin"] {
        hub.file("org/pickled", path, "{}");
    }
    hub.directory("org/lies", Path::new(MODEL));
    hub.fault("model.safetensors", Fault::WrongContent);
    hub.fault("model.safetensors", Fault::WrongContent);

    let pickled = pull(&machine, &hub, None, &["hf:org/pickled"]);
    let lies = pull(&machine, &hub, None, &["hf:org/lies"]);
    let nothing = pull(&machine, &hub, None, &["hf:org/nothing"]);
    let malformed = pull(&machine, &hub, None, &["org/name"]);
    let offline = pull(&machine, &hub, None, &["hf:org/other", "--offline"]);

    assert!(stderr(&pickled).contains("convert it to safetensors with `python -c"), "{}", stderr(&pickled));
    assert!(stderr(&lies).contains("model.safetensors does not have the hash"), "{}", stderr(&lies));
    assert!(stderr(&nothing).contains("it is not there, or it is private"), "{}", stderr(&nothing));
    assert!(stderr(&offline).contains("is not in the cache"), "{}", stderr(&offline));
    assert!([&pickled, &lies, &nothing, &offline].iter().all(|output| output.status.code() == Some(1)));
    assert_eq!(malformed.status.code(), Some(2));
    assert!(stderr(&malformed).contains("write `hf:org/name`"), "{}", stderr(&malformed));
    assert!(json(&machine, &["list"]).as_array().unwrap().is_empty());
}

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn backends_are_compared_and_the_best_is_shown_used_and_forgotten() {
    let machine = Machine::bare();
    let model = format!("{FIXTURES}/riverrun-onnx/tests/fixtures/two-inputs.onnx");
    assert!(machine.run(&["models", "import", &model, "--name", "sums", "--version", "1"]).status.success());

    let bench = json(&machine, &["bench", "sums", "--rounds", "1"]);
    let cpu = bench["cpu"].as_str().unwrap();
    let kept = machine.path("home/models/sums/1/.best-backend.json");
    fs::write(&kept, serde_json::json!({ cpu: "rten", "another": "onnxruntime" }).to_string()).unwrap();
    let shown = stdout(&machine.run(&["models", "get", "sums"]));
    machine.write("a.jsonl", "{\"left\": [1, 2], \"right\": [3, 4]}");
    let used = machine.run(&["predict", "sums", "a.jsonl"]);
    let exported = json(&machine, &["export", "sums", "sums.tar.zst"]);
    let imported = json(&machine, &["import", "sums.tar.zst", "--name", "copy"]);
    let forgotten = machine.run(&["models", "bench", "sums", "--forget"]);
    let again = machine.run(&["models", "bench", "sums", "--forget"]);

    assert_eq!(bench["backends"][0]["backend"], "rten");
    assert!(bench["backends"][0]["records_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{bench}");
    assert!(shown.contains("backend    rten (the fastest here, by `models bench`)"), "{shown}");
    assert!(used.status.success(), "{}", stderr(&used));
    assert!(exported["size"].is_u64() && imported["files"].as_array().unwrap().len() == 1, "it stays on its machine");
    assert!(stdout(&forgotten).contains("is forgotten") && stdout(&again).contains("nothing was known"));
    assert!(fs::read_to_string(&kept).unwrap().contains("another"), "what other machines found stays");
    assert!(machine.run(&["models", "delete", "sums:1"]).status.success() && !kept.exists());
}

#[test]
fn precisions_are_compared_and_none_is_chosen() {
    let machine = Machine::with_model();
    machine.write("a.txt", "what a lovely day\n\nI hate this\n");
    machine.write("empty.txt", "\n");

    let bench = json(&machine, &["bench", "text-classification", "--rounds", "1", "--input", "a.txt"]);
    let empty = machine.run(&["models", "bench", "text-classification", "--input", "empty.txt"]);
    let tree = format!("{FIXTURES}/riverrun-tabular/tests/fixtures/lightgbm-binary.txt");
    assert!(machine.run(&["models", "import", &tree, "--name", "tree"]).status.success());
    let tree = machine.run(&["models", "bench", "tree"]);

    let names: Vec<&str> =
        bench["backends"].as_array().unwrap().iter().map(|one| one["backend"].as_str().unwrap()).collect();
    assert!(["native f32", "native bf16", "native int8"].iter().all(|name| names.contains(name)), "{bench}");
    assert!(bench["remembered"].is_null(), "{bench}");
    assert!(stderr(&empty).contains("empty.txt has no records"), "{}", stderr(&empty));
    assert_eq!(tree.status.code(), Some(2));
    assert!(stderr(&tree).contains("computed in one way only"), "{}", stderr(&tree));
}
