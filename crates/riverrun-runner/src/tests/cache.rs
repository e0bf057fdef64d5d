use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Compute, ItemError, Prepared, RequestOptions, RequestTiming, Runnable, Runner, Signature};

/// Gives a text's length, and counts how often it was asked.
#[derive(Clone, Default)]
struct Counting {
    prepared: Arc<AtomicUsize>,
    computed: Arc<AtomicUsize>,
}

impl Runnable for Counting {
    type Input = String;
    type Prepared = String;
    type Output = String;

    fn prepare(&self, input: String) -> Result<Prepared<String>, ItemError> {
        self.prepared.fetch_add(1, Ordering::Relaxed);
        Ok(Prepared { cost: 1, value: input })
    }

    fn run(&self, batch: Vec<String>, _: &Compute) -> Result<Vec<Result<String, ItemError>>, ItemError> {
        self.run_method("length", batch, &Compute::single())
    }

    fn signatures(&self) -> Vec<Signature> {
        vec![Signature::new("length"), Signature::new("reversed"), Signature::new(Signature::CALL)]
    }

    fn run_method(
        &self, method: &str, batch: Vec<String>, _: &Compute,
    ) -> Result<Vec<Result<String, ItemError>>, ItemError> {
        self.computed.fetch_add(batch.len(), Ordering::Relaxed);
        let one = |text: String| match (text.as_str(), method) {
            ("bad", _) => Err(ItemError::new("it is bad")),
            (_, "reversed") => Ok(text.chars().rev().collect()),
            _ => Ok(text.len().to_string()),
        };
        Ok(batch.into_iter().map(one).collect())
    }
}

fn runner(entries: usize) -> (Runner<Counting>, Counting) {
    let counting = Counting::default();
    let runner = Runner::new("counting", counting.clone()).cached(entries);
    runner.init_local().unwrap();
    (runner, counting)
}

#[test]
fn an_input_that_comes_again_is_neither_prepared_nor_computed() {
    let (runner, counting) = runner(10);
    let timing = RequestTiming::new();

    assert_eq!(runner.run("four").unwrap(), "4");
    let again = runner.with(RequestOptions::new().timing(timing.clone())).unwrap().run("four").unwrap();

    assert_eq!(again, "4");
    assert_eq!(counting.prepared.load(Ordering::Relaxed), 1);
    assert_eq!(counting.computed.load(Ordering::Relaxed), 1);
    assert_eq!(timing.computed(), Some(std::time::Duration::ZERO));
    let stats = runner.stats();
    assert_eq!((stats.cache_hits, stats.cache_misses, stats.items), (1, 1, 1));
    assert!((stats.cache_hit_rate() - 0.5).abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_call_meets_the_same_cache() {
    let (runner, counting) = runner(10);
    assert_eq!(runner.async_run("four").await.unwrap(), "4");
    assert_eq!(runner.async_run("four").await.unwrap(), "4");
    assert_eq!(runner.try_async_run("four").await.unwrap(), "4");

    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let each = sender.clone();
    runner.submit("four".to_owned(), move |result| sender.send(result).unwrap()).unwrap();
    assert_eq!(receiver.recv().await.unwrap().unwrap(), "4");
    let inputs = ["four", "seven", "four"].map(str::to_owned).to_vec();
    runner.submit_each(inputs, move |_, result| each.send(result).unwrap()).unwrap();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(receiver.recv().await.unwrap().unwrap());
    }
    answers.sort();
    assert_eq!(answers, ["4", "4", "5"]);

    let batch = tokio::task::spawn_blocking({
        let runner = runner.clone();
        move || runner.run_batch(vec!["seven", "four", "new"]).unwrap()
    });
    let batch: Vec<String> = batch.await.unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(batch, ["5", "4", "3"]);
    assert_eq!(counting.computed.load(Ordering::Relaxed), 3, "four, seven and new once each");
}

#[test]
fn methods_do_not_share_results() {
    let (runner, _) = runner(10);
    assert_eq!(runner.method("length").unwrap().run("abc").unwrap(), "3");
    assert_eq!(runner.method("reversed").unwrap().run("abc").unwrap(), "cba");
    assert_eq!(runner.method("length").unwrap().run("abc").unwrap(), "3");
}

#[test]
fn errors_are_computed_again() {
    let (runner, counting) = runner(10);
    for _ in 0..2 {
        assert!(runner.run("bad").unwrap_err().to_string().contains("it is bad"));
    }
    assert_eq!(counting.computed.load(Ordering::Relaxed), 2);
    assert_eq!(runner.stats().failed_items, 2);
}

#[test]
fn it_holds_no_more_than_it_may() {
    let (runner, counting) = runner(100);
    let texts: Vec<String> = (0..1_000).map(|number| format!("text {number}")).collect();
    runner.run_batch(texts.clone()).unwrap();
    runner.run_batch(texts).unwrap();

    let stats = runner.stats();
    assert!(stats.cache_hits <= 100, "{} of 1,000 results were there", stats.cache_hits);
    assert_eq!(counting.computed.load(Ordering::Relaxed) as u64, 2_000 - stats.cache_hits);
}

#[test]
fn nothing_is_remembered_by_default_nor_from_one_version_to_the_next() {
    let (plain, counting) = runner(0);
    plain.run("four").unwrap();
    plain.run("four").unwrap();
    assert_eq!(counting.computed.load(Ordering::Relaxed), 2);
    assert_eq!(plain.stats().cache_misses, 0);

    let (before, _) = runner(10);
    before.run("four").unwrap();
    let (after, counting) = runner(10);
    before.replace_with(&after).unwrap();
    before.run("four").unwrap();
    assert_eq!(counting.computed.load(Ordering::Relaxed), 1);
}

#[test]
fn runners_of_one_key_share_a_cache_only_if_they_want_the_same() {
    let lazy = |entries| {
        let runner = Runner::lazy("counting", "cache of a key", || Ok(Counting::default())).cached(entries);
        runner.init_local().unwrap();
        runner
    };
    let (one, same, none) = (lazy(10), lazy(10), lazy(0));
    one.run("four").unwrap();
    same.run("four").unwrap();
    none.run("four").unwrap();
    assert_eq!(same.stats().cache_hits, 1);
    assert_eq!(none.stats().items, 1);
}
