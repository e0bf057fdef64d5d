//! Pulling from a server that speaks the hub's protocol, well and badly.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

mod hub;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hub::{COMMIT, Fault, Hub};
use riverrun_model::{
    Error, HubReference, HubSettings, ImportOptions, InferenceTask, ModelFormat, ModelStore, Progress, PullOptions,
    Pulled, Result,
};
use tempfile::TempDir;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");
const WEIGHTS: &str = "model.safetensors";

/// A machine with a store and a cache of its own, and a hub with the repository's model as `org/Tweet-Sentiment`.
struct Setting {
    hub: Hub,
    home: TempDir,
}

impl Setting {
    fn new() -> Self {
        let setting = Self { hub: Hub::start(), home: tempfile::tempdir().unwrap() };
        setting.hub.directory("org/Tweet-Sentiment", Path::new(MODEL));
        setting
    }

    /// With a small model in place of the real one.
    fn small() -> Self {
        let setting = Self { hub: Hub::start(), home: tempfile::tempdir().unwrap() };
        let config = r#"{"architectures": ["BertForSequenceClassification"]}"#;
        setting.hub.file("org/Tweet-Sentiment", "config.json", config);
        setting.hub.file("org/Tweet-Sentiment", "tokenizer.json", "{}");
        setting.hub.file("org/Tweet-Sentiment", WEIGHTS, safetensors(100_000));
        setting
    }

    fn store(&self) -> ModelStore {
        ModelStore::at(self.home.path().join("store")).unwrap()
    }

    fn cache(&self) -> PathBuf {
        self.home.path().join("cache")
    }

    fn settings(&self) -> HubSettings {
        HubSettings::new(self.hub.address(), self.cache()).retry(4, Duration::from_millis(5))
    }

    fn pull(&self) -> Result<Pulled> {
        self.pull_with("hf:org/Tweet-Sentiment", PullOptions::new(self.settings()))
    }

    fn pull_with(&self, reference: &str, options: PullOptions) -> Result<Pulled> {
        self.store().pull(&reference.parse::<HubReference>().unwrap(), options)
    }

    /// The store has nothing, and nothing is under way.
    fn assert_nothing_is_kept(&self) {
        assert!(self.store().list().unwrap().is_empty());
        let staging = self.home.path().join("store/.staging");
        assert!(fs::read_dir(staging).map_or(0, Iterator::count) == 0);
    }
}

/// A safetensors file with so many bytes of data.
fn safetensors(bytes: usize) -> Vec<u8> {
    let header = format!(r#"{{"w":{{"dtype":"U8","shape":[{bytes}],"data_offsets":[0,{bytes}]}}}}"#);
    let mut content = (header.len() as u64).to_le_bytes().to_vec();
    content.extend_from_slice(header.as_bytes());
    content.extend((0..bytes).map(|place| (place * 7 % 251) as u8));
    content
}

/// Has a hub contradict itself.
type Lie = Box<dyn Fn(&Hub)>;

/// What people are told.
#[derive(Default)]
struct Heard(Mutex<(u64, Vec<String>)>);

impl Progress for Heard {
    fn advance(&self, bytes: u64) {
        self.0.lock().unwrap().0 += bytes;
    }

    fn notice(&self, message: &str) {
        self.0.lock().unwrap().1.push(message.to_owned());
    }
}

#[test]
fn a_model_is_pulled_verified_and_pinned_to_its_commit() {
    let setting = Setting::new();

    let pulled = setting.pull().unwrap();

    let model = &pulled.model;
    assert!(pulled.is_new && pulled.warnings.is_empty(), "{:?}", pulled.warnings);
    assert_eq!(model.tag().to_string(), format!("tweet-sentiment:{}", &COMMIT[..12]));
    assert_eq!(setting.store().get(&"tweet-sentiment".parse().unwrap()).unwrap(), *model);
    model.verify().unwrap();
    assert_eq!(model.metadata().task, Some(InferenceTask::TextClassification));
    let source = &model.metadata().metadata["source"];
    assert_eq!(source["repository"].as_str(), Some("org/Tweet-Sentiment"));
    assert_eq!((source["revision"].as_str(), source["commit"].as_str()), (Some("main"), Some(COMMIT)));
    let original = fs::read(Path::new(MODEL).join(WEIGHTS)).unwrap();
    assert!(fs::read(model.file(WEIGHTS).unwrap()).unwrap() == original);
}

#[test]
fn what_is_there_already_is_not_fetched_again() {
    let setting = Setting::small();
    setting.pull().unwrap();
    let before = setting.hub.seen().len();

    let again = setting.pull().unwrap();
    let other = PullOptions::new(setting.settings()).keep(ImportOptions::new("other").label("stage", "dev"));
    let renamed = setting.pull_with("hf:org/Tweet-Sentiment@v1.0", other).unwrap();

    assert!(!again.is_new && renamed.is_new);
    assert_eq!(renamed.model.metadata().labels["stage"], "dev");
    let asked: Vec<_> = setting.hub.seen().split_off(before).into_iter().map(|seen| seen.path).collect();
    assert!(asked.len() == 2 && asked.iter().all(|path| path.starts_with("/api/")), "{asked:?}");
}

#[test]
fn what_is_there_already_and_was_kept_otherwise_is_refused_and_not_passed_over() {
    let graph = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/onnx/crayfish-ffnn.onnx")).unwrap();
    let setting = Setting::small();
    for path in ["onnx/model.onnx", "onnx/model_int8.onnx"] {
        setting.hub.file("org/Tweet-Sentiment", path, graph.clone());
    }
    let first = || ImportOptions::new("it").task(InferenceTask::TextClassification).metadata("accuracy", 0.5);
    let options = |keep: ImportOptions| PullOptions::new(setting.settings()).keep(keep);
    let pull = |options: PullOptions| setting.pull_with("hf:org/Tweet-Sentiment", options);
    pull(options(first()).file("onnx/model_int8.onnx")).unwrap();

    let same = pull(options(first()).file("onnx/model_int8.onnx")).unwrap();
    let unasked = pull(options(ImportOptions::new("it"))).unwrap();
    let cases = [
        (options(first()).file("onnx/model.onnx"), "the file onnx/model_int8.onnx, and onnx/model.onnx was asked for"),
        (options(first().task(InferenceTask::FillMask)), "the task text-classification, and fill-mask was asked for"),
        (options(first().metadata("accuracy", 0.7)), "the metadata `accuracy` 0.5, and 0.7 was asked for"),
        (options(first().metadata("set", "tweets")), "the metadata `set` none, and \"tweets\" was asked for"),
        (options(first().format(ModelFormat::Safetensors)), "the format onnx, and safetensors was asked for"),
    ];

    assert!(!same.is_new && !unasked.is_new);
    for (mut options, expected) in cases {
        for offline in [false, true] {
            options.hub.offline = offline;
            let error = pull(options.clone()).unwrap_err();
            assert!(matches!(error, Error::KeptOtherwise { .. }) && error.to_string().contains(expected), "{error}");
        }
    }
}

#[test]
fn a_file_is_taken_from_the_cache_though_safetensors_lie_beside_it() {
    let graph = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/onnx/crayfish-ffnn.onnx")).unwrap();
    let setting = Setting::small();
    setting.hub.file("org/Tweet-Sentiment", "onnx/model.onnx", graph);
    setting.pull().unwrap();
    let options = || PullOptions::new(setting.settings()).keep(ImportOptions::new("graph")).file("onnx/model.onnx");
    setting.pull_with("hf:org/Tweet-Sentiment", options()).unwrap();
    setting.store().delete(&format!("graph:{}", &COMMIT[..12]).parse().unwrap()).unwrap();
    let mut offline = options();
    offline.hub.offline = true;

    let pulled = setting.pull_with("hf:org/Tweet-Sentiment", offline).unwrap();

    assert_eq!(pulled.model.metadata().main.as_deref(), Some("onnx/model.onnx"));
    assert_eq!(pulled.model.metadata().format, ModelFormat::Onnx);
}

#[test]
fn upper_case_that_was_lowered_is_said_each_time() {
    let setting = Setting::small();
    let keeps = [
        (ImportOptions::new("Bert"), "bert"),
        (ImportOptions::new("bert").version("V1"), "bert:v1"),
        (ImportOptions::new("Bert").version("V2"), "bert:v2"),
        (ImportOptions::default().version("RC1"), "tweet-sentiment:rc1"),
    ];
    for (keep, expected) in keeps {
        for is_new in [true, false] {
            let options = PullOptions::new(setting.settings()).keep(keep.clone());

            let pulled = setting.pull_with("hf:org/Tweet-Sentiment", options).unwrap();

            let [riverrun_model::ImportWarning::Lowered(lowered)] = pulled.warnings.as_slice() else {
                panic!("{:?}", pulled.warnings);
            };
            assert!(lowered.to_string().contains(&format!("`{expected}`")), "{lowered}");
            assert_eq!(pulled.is_new, is_new);
        }
    }
    assert!(setting.pull().unwrap().warnings.is_empty(), "the repository's own name");
}

#[test]
fn only_what_belongs_to_the_model_is_asked_for() {
    let setting = Setting::small();
    for file in ["pytorch_model.bin", "modeling_x.py", "tf_model.h5", "onnx/model.onnx", "training_args.bin", "run.sh"]
    {
        setting.hub.file("org/Tweet-Sentiment", file, "x");
    }

    let pulled = setting.pull().unwrap();

    let fetched: std::collections::BTreeSet<_> = setting
        .hub
        .seen()
        .iter()
        .filter_map(|seen| Some(seen.path.split_once("/resolve/")?.1.split_once('/')?.1.to_owned()))
        .collect();
    assert_eq!(fetched.into_iter().collect::<Vec<_>>(), ["config.json", WEIGHTS, "tokenizer.json"]);
    assert_eq!(pulled.model.metadata().files.len(), 3);
}

#[test]
fn the_cache_is_laid_out_as_python_lays_it_out_and_serves_offline() {
    let setting = Setting::small();
    setting.pull().unwrap();
    let repository = setting.cache().join("models--org--Tweet-Sentiment");
    let snapshot = repository.join("snapshots").join(COMMIT);

    let other = tempfile::tempdir().unwrap();
    let store = ModelStore::at(other.path()).unwrap();
    let before = setting.hub.seen().len();
    let offline =
        |reference: &str| store.pull(&reference.parse().unwrap(), PullOptions::new(setting.settings().offline()));
    let pulled = offline("hf:org/Tweet-Sentiment").unwrap();
    let missing = offline("hf:org/other").unwrap_err();

    assert_eq!(fs::read_to_string(repository.join("refs/main")).unwrap(), COMMIT);
    let weights = fs::canonicalize(snapshot.join(WEIGHTS)).unwrap();
    assert_eq!(weights.file_name().unwrap().to_str().unwrap(), hub::sha256(&safetensors(100_000)));
    assert_eq!(pulled.commit, COMMIT);
    pulled.model.verify().unwrap();
    assert!(missing.to_string().contains("hf:org/other is not in the cache"), "{missing}");
    assert_eq!(setting.hub.seen().len(), before, "nothing is asked while offline");
}

#[test]
fn a_description_of_another_store_in_the_cache_is_passed_over() {
    let setting = Setting::small();
    setting.pull().unwrap();
    let snapshot = setting.cache().join("models--org--Tweet-Sentiment/snapshots").join(COMMIT);
    fs::write(snapshot.join("model.yaml"), "name: stray\n").unwrap();
    let mut offline = PullOptions::new(setting.settings()).keep(ImportOptions::new("other"));
    offline.hub.offline = true;

    let pulled = setting.pull_with("hf:org/Tweet-Sentiment", offline).unwrap();

    assert_eq!(pulled.model.metadata().format, ModelFormat::Safetensors);
}

#[test]
fn a_damaged_cache_is_found_offline_and_mended_online() {
    let setting = Setting::small();
    setting.pull().unwrap();
    let blobs = setting.cache().join("models--org--Tweet-Sentiment/blobs");
    let blob = blobs.join(hub::sha256(&safetensors(100_000)));
    let mut content = fs::read(&blob).unwrap();
    content[50_000] ^= 1;
    fs::write(&blob, content).unwrap();
    let keep = || PullOptions::new(setting.settings()).keep(ImportOptions::new("again"));
    let mut offline = keep();
    offline.hub = offline.hub.offline();

    let refused = setting.pull_with("hf:org/Tweet-Sentiment", offline).unwrap_err();
    let mended = setting.pull_with("hf:org/Tweet-Sentiment", keep()).unwrap();

    assert!(refused.to_string().contains("its model.safetensors is damaged"), "{refused}");
    assert!(fs::read(mended.model.file(WEIGHTS).unwrap()).unwrap() == safetensors(100_000));
}

#[test]
fn a_download_that_is_cut_off_goes_on_where_it_ended() {
    let setting = Setting::small();
    for bytes in [30_000, 1, 20_000] {
        setting.hub.fault(WEIGHTS, Fault::CutAfter(bytes));
    }

    let pulled = setting.pull().unwrap();

    pulled.model.verify().unwrap();
    let ranges: Vec<_> =
        setting.hub.seen_for(WEIGHTS).into_iter().filter(|seen| !seen.at_hub).map(|seen| seen.range).collect();
    let range = |from: &str| Some(format!("bytes={from}-"));
    assert_eq!(ranges, [None, range("30000"), range("30001"), range("50001")]);
}

#[test]
fn a_pull_that_was_given_up_goes_on_in_the_next_one() {
    let setting = Setting::small();
    setting.hub.fault(WEIGHTS, Fault::CutAfter(60_000));
    for _ in 0..4 {
        setting.hub.fault(WEIGHTS, Fault::Drop);
    }

    let given_up = setting.pull().unwrap_err();
    setting.assert_nothing_is_kept();
    let heard = Arc::new(Heard::default());
    let keep = ImportOptions::default().progress(heard.clone());
    let pulled = setting.pull_with("hf:org/Tweet-Sentiment", PullOptions::new(setting.settings()).keep(keep)).unwrap();

    assert!(matches!(given_up, Error::HubUnavailable { attempts: 4, .. }) && given_up.is_retryable(), "{given_up}");
    assert_eq!(setting.hub.seen_for(WEIGHTS).last().unwrap().range.as_deref(), Some("bytes=60000-"));
    pulled.model.verify().unwrap();
}

#[test]
fn a_hub_that_ignores_ranges_is_read_from_the_start() {
    let setting = Setting::small();
    setting.hub.fault(WEIGHTS, Fault::CutAfter(60_000));
    setting.hub.fault(WEIGHTS, Fault::IgnoreRange);

    let pulled = setting.pull().unwrap();

    assert!(fs::read(pulled.model.file(WEIGHTS).unwrap()).unwrap() == safetensors(100_000));
}

#[test]
fn a_hub_that_ignores_ranges_and_always_cuts_off_is_given_up() {
    let setting = Setting::small();
    for bytes in [30_000, 60_000].into_iter().cycle().take(40) {
        setting.hub.fault(WEIGHTS, Fault::RestartAndCutAfter(bytes));
    }

    let error = setting.pull().unwrap_err();

    assert!(matches!(error, Error::HubUnavailable { attempts: 4, .. }), "{error}");
    // The second attempt brought more than the first, and none after it did.
    assert_eq!(setting.hub.seen_for(WEIGHTS).iter().filter(|seen| !seen.at_hub).count(), 5);
}

#[test]
fn a_slow_link_is_waited_for_and_a_stalled_one_is_not() {
    let setting = Setting::small();
    setting.hub.fault(WEIGHTS, Fault::Slow(Duration::from_millis(10)));
    let slow = PullOptions::new(setting.settings().stall(Duration::from_millis(400)));
    setting.pull_with("hf:org/Tweet-Sentiment", slow).unwrap();
    // Longer as a whole than a pause may be, and never a pause.
    assert_eq!(setting.hub.seen_for(WEIGHTS).len(), 2);

    let setting = Setting::small();
    setting.hub.fault(WEIGHTS, Fault::Stall(Duration::from_secs(60)));
    let stalled = PullOptions::new(setting.settings().stall(Duration::from_millis(400)));
    let started = Instant::now();
    setting.pull_with("hf:org/Tweet-Sentiment", stalled).unwrap();

    assert!(started.elapsed() < Duration::from_secs(30));
    let half = format!("bytes={}-", safetensors(100_000).len() / 2);
    assert_eq!(setting.hub.seen_for(WEIGHTS).last().unwrap().range.as_deref(), Some(half.as_str()));
}

#[test]
fn content_with_a_wrong_hash_is_fetched_again_once_and_never_kept() {
    let once = Setting::small();
    once.hub.fault(WEIGHTS, Fault::WrongContent);
    let twice = Setting::small();
    twice.hub.fault(WEIGHTS, Fault::WrongContent);
    twice.hub.fault(WEIGHTS, Fault::WrongContent);
    let small_file = Setting::small();
    small_file.hub.fault("config.json", Fault::WrongContent);
    small_file.hub.fault("config.json", Fault::WrongContent);

    once.pull().unwrap().model.verify().unwrap();
    for (setting, file) in [(twice, WEIGHTS), (small_file, "config.json")] {
        let error = setting.pull().unwrap_err();

        assert!(matches!(error, Error::HubAnswer { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{file} does not have the hash ")), "{error}");
        setting.assert_nothing_is_kept();
        let blobs = setting.cache().join("models--org--Tweet-Sentiment/blobs");
        assert!(fs::read_dir(blobs).unwrap().flatten().all(|entry| entry.path().extension().is_none()));
    }
}

#[test]
fn a_hub_that_lies_about_size_hash_or_commit_is_refused() {
    let whole = safetensors(100_000).len() as u64;
    let other = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    let header = |name: &'static str, value: String| Fault::Headers(vec![(name, value)]);
    let cases: Vec<(&str, Lie, &str)> = vec![
        ("a longer size", Box::new(move |hub| hub.list(WEIGHTS, whole + 9, None)), "bytes and is listed with"),
        ("a shorter size", Box::new(move |hub| hub.list(WEIGHTS, whole - 9, None)), "bytes and is listed with"),
        ("another hash", Box::new(move |hub| hub.list(WEIGHTS, whole, Some(other))), "and is listed with"),
        (
            "another linked size",
            Box::new(move |hub| hub.fault("headers model.safetensors", header("X-Linked-Size", "7".into()))),
            "has 7 bytes and is listed with",
        ),
        (
            "another linked hash",
            Box::new(move |hub| {
                hub.fault("headers model.safetensors", header("X-Linked-Etag", format!("\"{other}\"")))
            }),
            "has the hash 5891b5",
        ),
        (
            "another commit",
            Box::new(move |hub| hub.fault("headers model.safetensors", header("X-Repo-Commit", "f".repeat(40)))),
            "is of the commit ffff",
        ),
        ("more than it says", Box::new(|hub| hub.fault(WEIGHTS, Fault::TooMuch)), "is sent with more than"),
    ];
    for (case, lie, reason) in cases {
        let setting = Setting::small();
        lie(&setting.hub);

        let error = setting.pull().unwrap_err();

        assert!(matches!(error, Error::HubAnswer { .. }), "{case}: {error}");
        assert!(error.to_string().contains(reason), "{case}: {error}");
        setting.assert_nothing_is_kept();
    }
}

#[test]
fn a_model_larger_than_allowed_is_not_fetched() {
    let setting = Setting::small();
    let keep = ImportOptions::default().limits(riverrun_model::ArchiveLimits::default().bytes(50_000));

    let error =
        setting.pull_with("hf:org/Tweet-Sentiment", PullOptions::new(setting.settings()).keep(keep)).unwrap_err();

    assert!(matches!(error, Error::TooLarge { most: 50_000, .. }), "{error}");
    assert!(setting.hub.seen_for(WEIGHTS).is_empty());
}

#[test]
fn a_small_file_that_is_listed_as_a_large_one_is_not_fetched() {
    for file in ["config.json", "modules.json"] {
        let setting = Setting::small();
        setting.hub.file("org/Tweet-Sentiment", "modules.json", "[]");
        setting.hub.list(file, 1 << 30, None);

        let error = setting.pull().unwrap_err();

        assert!(matches!(error, Error::HubAnswer { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{file} has 1073741824 bytes, and ")), "{error}");
        assert!(setting.hub.seen_for(file).is_empty());
    }
}

#[test]
fn a_mirror_that_lists_names_only_is_asked_for_sizes_and_hashes() {
    let setting = Setting::small();
    setting.hub.list_names_only();

    let pulled = setting.pull().unwrap();

    pulled.model.verify().unwrap();
    assert!(setting.hub.seen().iter().any(|seen| seen.method == "HEAD" && seen.path.ends_with(WEIGHTS) && seen.at_hub));
}

#[test]
fn a_token_goes_to_the_hub_and_to_nobody_else() {
    let setting = Setting::small();
    setting.hub.gate("org/Tweet-Sentiment", "hf_secret");
    let with = |token: &str| PullOptions::new(setting.settings().token(token).unwrap());

    let without = setting.pull().unwrap_err();
    let wrong = setting.pull_with("hf:org/Tweet-Sentiment", with("hf_other")).unwrap_err();
    setting.pull_with("hf:org/Tweet-Sentiment", with("hf_secret")).unwrap();

    for error in [&without, &wrong] {
        assert!(matches!(error, Error::HubRefused { status: 401 | 403, .. }), "{error}");
        assert!(error.to_string().contains("its owner decides who may have it"), "{error}");
        assert!(error.to_string().contains("HF_TOKEN") && !error.to_string().contains("hf_other"), "{error}");
    }
    let seen = setting.hub.seen();
    assert!(seen.iter().any(|seen| !seen.at_hub), "large files come from elsewhere");
    assert!(seen.iter().filter(|seen| !seen.at_hub).all(|seen| seen.authorization.is_none()));
    let last = seen.iter().rev().find(|seen| seen.at_hub).unwrap();
    assert_eq!(last.authorization.as_deref(), Some("Bearer hf_secret"));
    assert!(!format!("{:?}", with("hf_secret")).contains("hf_secret"));
}

#[test]
fn a_token_is_not_sent_where_a_listing_is_redirected_to() {
    let setting = Setting::small();
    let settings = setting.settings().token("hf_secret").unwrap().retry(1, Duration::ZERO);
    setting.hub.fault("listing", Fault::Redirect(format!("{}/api/models/x/revision/main", setting.hub.cdn())));

    let _ = setting.pull_with("hf:org/Tweet-Sentiment", PullOptions::new(settings)).unwrap_err();

    let seen = setting.hub.seen();
    assert!(seen.iter().any(|seen| !seen.at_hub));
    assert!(seen.iter().filter(|seen| !seen.at_hub).all(|seen| seen.authorization.is_none()));
}

#[test]
fn a_redirect_within_the_hub_keeps_the_token() {
    let setting = Setting::small();
    setting.hub.gate("org/Tweet-Sentiment", "hf_secret");
    setting.hub.fault("listing", Fault::Redirect(format!("/api/models/org/Tweet-Sentiment/revision/{COMMIT}")));

    let options = PullOptions::new(setting.settings().token("hf_secret").unwrap());

    setting.pull_with("hf:org/Tweet-Sentiment", options).unwrap();
}

#[test]
fn redirects_that_lead_nowhere_end() {
    let circle = Setting::small();
    for _ in 0..20 {
        circle.hub.fault("listing", Fault::Redirect("/api/models/org/Tweet-Sentiment/revision/main".into()));
    }
    let file = Setting::small();
    file.hub.fault("redirect model.safetensors", Fault::Redirect("file:///etc/passwd".into()));

    let round = circle.pull().unwrap_err().to_string();
    let elsewhere = file.pull().unwrap_err().to_string();

    assert!(round.contains("redirects more than 8 times"), "{round}");
    assert!(elsewhere.contains("redirects to `file:///etc/passwd`"), "{elsewhere}");
}

#[test]
fn what_is_not_there_is_said() {
    let setting = Setting::small();
    let with_token = || PullOptions::new(setting.settings().token("hf_x").unwrap());
    let message =
        |reference: &str, options: PullOptions| setting.pull_with(reference, options).unwrap_err().to_string();

    let anonymous = message("hf:org/nothing", PullOptions::new(setting.settings()));
    let known = message("hf:org/nothing", with_token());
    let revision = message("hf:org/Tweet-Sentiment@v9", with_token());

    assert!(anonymous.contains("it is not there, or it is private (HTTP status 401)"), "{anonymous}");
    assert!(known.contains("there is no such repository (HTTP status 404)"), "{known}");
    assert!(revision.contains("it has no such revision (HTTP status 404)"), "{revision}");
}

#[test]
fn a_hub_that_is_busy_or_broken_is_asked_again() {
    let setting = Setting::small();
    setting.hub.fault("listing", Fault::Status(429, vec![("Retry-After", "1".into())]));
    setting.hub.fault("listing", Fault::Status(503, vec![]));
    setting.hub.fault(WEIGHTS, Fault::Status(500, vec![]));
    setting.hub.fault(WEIGHTS, Fault::Status(403, vec![]));
    setting.hub.fault("config.json", Fault::Drop);
    let heard = Arc::new(Heard::default());
    let keep = ImportOptions::default().progress(heard.clone());
    let started = Instant::now();

    setting.pull_with("hf:org/Tweet-Sentiment", PullOptions::new(setting.settings()).keep(keep)).unwrap();

    assert!(started.elapsed() >= Duration::from_secs(1), "as long as was asked for");
    let notices = heard.0.lock().unwrap().1.clone();
    assert!(
        notices.iter().any(|notice| notice.contains("answers 429") && notice.contains("again in 1 s")),
        "{notices:?}"
    );
}

#[test]
fn a_hub_that_stays_broken_is_given_up() {
    let setting = Setting::small();
    for _ in 0..10 {
        setting.hub.fault("listing", Fault::Status(502, vec![]));
    }
    let patient = Setting::small();
    patient.hub.fault("listing", Fault::Status(429, vec![("Retry-After", "86400".into())]));

    let broken = setting.pull().unwrap_err();
    let started = Instant::now();
    let busy = patient.pull().unwrap_err();

    assert_eq!(setting.hub.seen().len(), 4);
    assert!(
        broken.to_string().contains("answers 502") && broken.to_string().contains("4 attempts in a row"),
        "{broken}"
    );
    assert!(busy.to_string().contains("asks to wait 86400 s") && started.elapsed() < Duration::from_secs(5), "{busy}");
}

#[test]
fn a_hub_that_is_not_there_is_named() {
    let setting = Setting::small();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = |endpoint: &str| {
        PullOptions::new(HubSettings::new(endpoint, setting.cache()).retry(2, Duration::from_millis(1)))
    };

    let nobody = setting.pull_with("hf:org/x", settings(&format!("http://{unused}"))).unwrap_err();
    let nonsense = setting.pull_with("hf:org/x", settings("mirror")).unwrap_err();

    assert!(matches!(nobody, Error::HubUnavailable { attempts: 2, .. }), "{nobody}");
    assert!(nonsense.to_string().contains("`mirror` is no address of a hub"), "{nonsense}");
}

#[test]
fn a_hub_with_which_no_secure_connection_can_be_made_is_asked_once() {
    let setting = Setting::small();
    // It does not even speak TLS.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, asking) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            asked.send(()).unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let settings = HubSettings::new(format!("https://{address}"), setting.cache()).retry(4, Duration::from_millis(1));

    let error = setting.pull_with("hf:org/Tweet-Sentiment", PullOptions::new(settings)).unwrap_err();

    assert!(matches!(error, Error::HubUntrusted { .. }) && !error.is_retryable(), "{error}");
    assert!(error.to_string().starts_with("no secure connection to 127.0.0.1: "), "{error}");
    assert_eq!(asking.try_iter().count(), 1);
}

#[test]
fn shards_and_modules_come_with_what_names_them() {
    let setting = Setting::small();
    let repository = "org/sentences";
    let index = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
    let modules = r#"[{"idx": 0, "path": ""}, {"idx": 1, "path": "1_Pooling"}, {"idx": 2, "path": "2_Dense"}]"#;
    for (path, content) in [
        ("config.json", r#"{"architectures": ["BertModel"]}"#),
        ("tokenizer.json", "{}"),
        ("model.safetensors.index.json", index),
        ("modules.json", modules),
        ("1_Pooling/config.json", "{}"),
        ("2_Dense/config.json", "{}"),
    ] {
        setting.hub.file(repository, path, content);
    }
    for path in ["model-1.safetensors", "model-2.safetensors", "2_Dense/model.safetensors"] {
        setting.hub.file(repository, path, safetensors(1000));
    }

    let pulled = setting.pull_with("hf:org/sentences@refs/pr/1", PullOptions::new(setting.settings())).unwrap();

    let files: Vec<_> = pulled.model.metadata().files.iter().map(|file| file.path.as_str()).collect();
    assert!(files.contains(&"1_Pooling/config.json") && files.contains(&"2_Dense/model.safetensors"), "{files:?}");
    assert_eq!(files.len(), 9, "{files:?}");
    assert_eq!(pulled.model.metadata().task, Some(InferenceTask::FeatureExtraction));
}

#[test]
fn an_onnx_model_comes_with_its_external_data_or_not_at_all() {
    let graph = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/onnx/external.onnx")).unwrap();
    let setting = Setting::small();
    for (path, content) in [("config.json", &b"{}"[..]), ("tokenizer.json", b"{}"), ("onnx/model.onnx", &graph)] {
        setting.hub.file("org/graph", path, content);
    }
    let options = || PullOptions::new(setting.settings());

    let missing = setting.pull_with("hf:org/graph", options()).unwrap_err().to_string();
    setting.hub.file("org/graph", "onnx/model.onnx_data", [0; 64]);
    let pulled = setting.pull_with("hf:org/graph", options()).unwrap();

    assert!(missing.contains("has no onnx/model.onnx_data"), "{missing}");
    let metadata = pulled.model.metadata();
    assert_eq!((metadata.format, metadata.main.as_deref()), (ModelFormat::Onnx, Some("onnx/model.onnx")));
    pulled.model.verified_file("onnx/model.onnx_data").unwrap();
    assert_eq!(metadata.task, Some(InferenceTask::TextClassification), "as the hub says");
}

#[test]
fn a_file_chosen_offline_is_one_of_the_repository_and_nothing_outside_is_touched() {
    let graph = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/onnx/crayfish-ffnn.onnx")).unwrap();
    let setting = Setting::small();
    setting.hub.file("org/graph", "model.onnx", graph.clone());
    setting.pull_with("hf:org/graph", PullOptions::new(setting.settings())).unwrap();
    let mine = setting.home.path().join("mine.onnx");
    fs::write(&mine, &graph).unwrap();
    let snapshot = setting.cache().join("models--org--graph/snapshots").join(COMMIT);
    fs::write(snapshot.join("notes.txt"), &graph).unwrap();
    let up = "../".repeat(4) + "mine.onnx";
    let offline = |file: &str| {
        let keep = ImportOptions::new("other").format(ModelFormat::Onnx);
        setting.pull_with("hf:org/graph", PullOptions::new(setting.settings().offline()).keep(keep).file(file))
    };
    assert!(snapshot.join(&up).is_file());

    for file in [mine.to_str().unwrap(), &up, "notes.txt", "other.onnx"] {
        let error = offline(file).unwrap_err();

        assert!(matches!(error, Error::MissingFile { .. }), "{error}");
        assert!(error.to_string().contains("name one of its .onnx files"), "{error}");
        assert!(fs::read(&mine).unwrap() == graph);
    }
    assert_eq!(setting.store().list().unwrap().len(), 1);
    offline("model.onnx").unwrap();
}

#[test]
fn a_repository_with_pickles_only_is_refused_with_how_to_convert_it() {
    let setting = Setting::small();
    for path in ["config.json", "tokenizer.json", "pytorch_model.bin"] {
        setting.hub.file("org/pickled", path, "{}");
    }

    let error = setting.pull_with("hf:org/pickled", PullOptions::new(setting.settings())).unwrap_err();

    assert!(matches!(error, Error::PickleOnly { .. }), "{error}");
    assert!(error.to_string().contains("from_pretrained('org/pickled', revision='main')"), "{error}");
    assert!(setting.hub.seen().iter().all(|seen| seen.path.starts_with("/api/")));
}

#[test]
fn two_pulls_at_once_fetch_each_file_once() {
    let setting = Setting::small();
    setting.hub.fault(WEIGHTS, Fault::Slow(Duration::from_millis(2)));

    std::thread::scope(|scope| {
        for name in ["one", "two"] {
            let setting = &setting;
            scope.spawn(move || {
                let options = PullOptions::new(setting.settings()).keep(ImportOptions::new(name));
                setting.pull_with("hf:org/Tweet-Sentiment", options).unwrap().model.verify().unwrap();
            });
        }
    });

    assert_eq!(setting.hub.seen_for(WEIGHTS).len(), 2, "one at the hub, one where it sends to");
}
