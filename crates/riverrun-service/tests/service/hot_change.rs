//! A model whose latest version changes while it is asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_runner::AnyRunner;
use riverrun_service::{Follow, FollowEvent, ModelSource, ServedModel, Service, SourceError};

use crate::fixture::{Labels, start, until};
use crate::http_client::{address, get, post, request, send};

#[derive(Clone)]
struct Store {
    latest: Arc<Mutex<Result<String, SourceError>>>,
    loads: Arc<AtomicUsize>,
}

impl Store {
    fn at(version: &str) -> Self {
        Self { latest: Arc::new(Mutex::new(Ok(version.into()))), loads: Arc::default() }
    }

    fn promote(&self, version: &str) {
        *self.latest.lock().unwrap() = Ok(version.into());
    }
}

impl ModelSource for Store {
    fn latest(&self) -> Result<String, SourceError> {
        self.latest.lock().unwrap().clone()
    }

    fn load(&self, version: &str) -> Result<Arc<dyn AnyRunner>, SourceError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let labels = match version {
            "missing" => return Err(SourceError::new("its weights are not in the store; import it again")),
            "panicking" => panic!("out of memory"),
            "broken" => Labels { broken: true, ..Labels::default() },
            "1" => Labels::prefixed("one "),
            _ => Labels::prefixed("two "),
        };
        Ok(labels.runner(&format!("labels:{version}")).erased())
    }
}

fn quickly(store: &Store) -> Follow {
    Follow::new(store.clone()).every(Duration::from_millis(10))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_version_takes_over_under_load_without_a_failed_or_mixed_answer() {
    let store = Store::at("1");
    let model = ServedModel::unloaded("labels");
    let running = start(Service::new("test").model("/classify", &model)).await;
    let before = post(&running, "/classify", "text/plain", "a").await;
    assert_eq!((before.status.as_u16(), before.code()), (503, "not_ready".into()));
    assert_eq!(get(&running, "/readyz").await.status, 503);
    let _following = quickly(&store).start(&model).unwrap();
    until("the first version is loaded", || model.is_ready()).await;
    let to = address(&running);

    let asking = tokio::spawn(async move {
        let mut seen = Vec::new();
        loop {
            let answer = send(to, request("POST", "/classify", &[("content-type", "text/plain")], "a")).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let (tag, label) =
                (answer.header("x-model").to_owned(), answer.json()[0]["label"].as_str().unwrap().to_owned());
            let expected = if tag == "labels:1" { "one positive" } else { "two positive" };
            assert_eq!(label, expected, "{tag}");
            seen.push(tag);
            if seen.iter().filter(|tag| *tag == "labels:2").count() > 20 {
                return seen;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    store.promote("2");
    let seen = tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap().unwrap();

    assert!(seen.is_sorted(), "the old version came back");
    assert_eq!(seen[0], "labels:1");
}

#[tokio::test]
async fn a_version_that_does_not_load_or_warm_up_changes_nothing_and_is_tried_once_and_shown() {
    let store = Store::at("1");
    let model = ServedModel::unloaded("labels");
    let events = Arc::new(Mutex::new(Vec::new()));
    let running = start(Service::new("test").model("/classify", &model)).await;
    let heard = events.clone();
    let _following =
        quickly(&store).on_event(move |event| heard.lock().unwrap().push(event.clone())).start(&model).unwrap();
    until("the first version is loaded", || model.is_ready()).await;

    for (tries, (version, word)) in
        [("missing", "not in the store"), ("broken", "not finite"), ("panicking", "out of memory")]
            .into_iter()
            .enumerate()
    {
        store.promote(version);
        until("the version was tried", || model.failure().is_some_and(|failure| failure.version == version)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;

        assert_eq!(store.loads.load(Ordering::SeqCst), tries + 2, "it was tried once");
        let shown = get(&running, "/v1/models/labels").await.json();
        assert_eq!(shown["failed_version"]["version"], version);
        assert!(shown["failed_version"]["reason"].as_str().unwrap().contains(word), "{shown}");
        assert_eq!(post(&running, "/classify", "text/plain", "a").await.header("x-model"), "labels:1");
        assert_eq!(get(&running, "/readyz").await.status, 200);
    }
    store.promote("2");
    until("the next version is served", || model.versions()[0].version() == "2").await;
    assert!(model.failure().is_none());
    let last = events.lock().unwrap().last().unwrap().clone();
    assert_eq!(last, FollowEvent::Changed { model: "labels".into(), from: vec!["1".into()], to: "2".into() });
}

#[tokio::test]
async fn a_source_that_is_away_for_a_while_is_asked_again() {
    let store = Store::at("1");
    let model = ServedModel::unloaded("labels");
    let _following = quickly(&store).start(&model).unwrap();
    until("the first version is loaded", || model.is_ready()).await;

    *store.latest.lock().unwrap() = Err(SourceError::new("the store is not to be reached"));
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert_eq!(model.versions()[0].version(), "1");
    store.promote("2");
    until("the next version is served", || model.versions()[0].version() == "2").await;
}

#[tokio::test]
async fn going_back_to_the_version_that_is_served_forgets_the_failure() {
    let store = Store::at("1");
    let model = ServedModel::unloaded("labels");
    let _following = quickly(&store).start(&model).unwrap();
    until("the first version is loaded", || model.is_ready()).await;
    store.promote("broken");
    until("the version was tried", || model.failure().is_some()).await;

    store.promote("1");

    until("the failure is forgotten", || model.failure().is_none()).await;
    assert_eq!(store.loads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_version_before_is_released_after_its_requests() {
    let slow = Labels { prefix: "one ", ..Labels::waiting(Duration::from_millis(200)) };
    let runner = slow.runner("labels:1").erased();
    let weak = Arc::downgrade(&runner);
    let model = ServedModel::new("labels", "1", runner);
    let running = start(Service::new("test").model("/classify", &model)).await;
    let to = address(&running);
    let under_way = tokio::spawn(send(to, request("POST", "/classify", &[("content-type", "text/plain")], "a")));
    tokio::time::sleep(Duration::from_millis(60)).await;

    model.replace("2", Labels::prefixed("two ").runner("labels:2").erased());

    let answer = under_way.await.unwrap();
    assert_eq!((answer.header("x-model"), &answer.json()[0]["label"]), ("labels:1", &"one positive".into()));
    until("the old version is released", || weak.strong_count() == 0).await;
}
