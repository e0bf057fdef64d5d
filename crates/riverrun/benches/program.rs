//! A whole program beside the bare runner: what the stream adds to the model's time.
//!
//! `RIVERRUN_BENCH_MODEL` names a model's directory, `RIVERRUN_BENCH_TEXTS` a file with one text a line; without them the
//! repository's own model and made-up texts.

// A benchmark that cannot begin has nothing to say.
#![allow(clippy::expect_used)]

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_main};
use riverrun::local::LocalHost;
use riverrun::prelude::*;

const TEXTS: usize = 512;

fn texts() -> Vec<String> {
    match std::env::var("RIVERRUN_BENCH_TEXTS") {
        Ok(path) => {
            let content = std::fs::read_to_string(path).expect("a readable file");
            content.lines().take(TEXTS).map(String::from).collect()
        }
        Err(_) => riverrun_testing::tweet_like_texts(TEXTS, 1),
    }
}

fn runner() -> Runner<TextClassification> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");
    let directory = std::env::var("RIVERRUN_BENCH_MODEL").unwrap_or_else(|_| own.into());
    let options = TextClassificationOptions::new().max_length(128);
    let runner = Runner::new("bench", TextClassification::load(directory, options).expect("a model"));
    runner.init_local().expect("a runner");
    runner
}

fn environment() -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(1);
    env
}

fn program(criterion: &mut Criterion) {
    let (runner, texts) = (runner(), texts());

    let mut group = criterion.benchmark_group("program");
    group.sample_size(10);
    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function(BenchmarkId::new("runner", "run_batch"), |bencher| {
        bencher.iter(|| runner.run_batch(texts.iter().map(String::as_str).collect()).expect("results"));
    });
    group.bench_function(BenchmarkId::new("stream", "infer"), |bencher| {
        bencher.iter(|| {
            let stream = environment().from_collection(texts.clone());
            stream.infer(&runner, |text| text.as_str().into()).execute_and_collect().expect("results")
        });
    });
    group.bench_function(BenchmarkId::new("runner", "run, one by one"), |bencher| {
        bencher.iter(|| texts.iter().map(|text| runner.run(text.as_str()).expect("a result")).collect::<Vec<_>>());
    });
    group.bench_function(BenchmarkId::new("stream", "map with run"), |bencher| {
        bencher.iter(|| {
            let runner = runner.clone();
            let stream = environment().from_collection(texts.clone());
            stream.try_map(move |text: String| runner.run(text)).execute_and_collect().expect("results")
        });
    });
    group.finish();
}

// The macro makes a public function.
#[allow(missing_docs)]
mod groups {
    criterion::criterion_group!(benches, super::program);
}
criterion_main!(groups::benches);
