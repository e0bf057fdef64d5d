//! Throughput by batch size, and the latency of a lone text.
//!
//! `RIVERRUN_BENCH_MODEL` names a model's directory, `RIVERRUN_BENCH_TEXTS` a file with one text a line; without them the
//! repository's own model and made-up tweets.

// A benchmark that cannot begin has nothing to say.
#![allow(clippy::expect_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_main};
use riverrun_inference::TokenizedText;
use riverrun_inference::{TextClassification, TextClassificationOptions};
use riverrun_runner::{Compute, Runnable, Runner};

const TEXTS: usize = 512;

fn texts() -> Vec<String> {
    match std::env::var("RIVERRUN_BENCH_TEXTS") {
        Ok(path) => {
            let content = std::fs::read_to_string(path).expect("a readable file");
            content.lines().take(TEXTS).map(str::to_owned).collect()
        }
        Err(_) => riverrun_testing::tweet_like_texts(TEXTS, 1),
    }
}

fn task() -> TextClassification {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");
    let directory = std::env::var("RIVERRUN_BENCH_MODEL").unwrap_or_else(|_| own.to_owned());
    TextClassification::load(directory, TextClassificationOptions::new().max_length(128)).expect("a model")
}

fn encoder(criterion: &mut Criterion) {
    let (task, texts) = (task(), texts());
    let tokens: Vec<TokenizedText> =
        texts.iter().map(|text| task.prepare(text.as_str().into()).expect("tokens").value).collect();

    let mut group = criterion.benchmark_group("one thread, tokenization outside");
    group.sample_size(10);
    group.throughput(Throughput::Elements(tokens.len() as u64));
    for size in [1, 8, 32, 128] {
        group.bench_function(format!("batches of {size}"), |bencher| {
            bencher.iter(|| {
                for batch in tokens.chunks(size) {
                    black_box(task.run(batch.to_vec(), &Compute::single()).expect("results"));
                }
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("a lone text of median length");
    let mut sorted = texts.clone();
    sorted.sort_by_key(String::len);
    let text = sorted[sorted.len() / 2].as_str();
    group.bench_function("one thread", |bencher| {
        bencher.iter(|| {
            let tokens = task.prepare(text.into()).expect("tokens").value;
            black_box(task.run(vec![tokens], &Compute::single()).expect("results"))
        });
    });
    let runner = Runner::new("bench", task);
    runner.init_local().expect("a runner");
    group.bench_function("runner, all threads", |bencher| {
        bencher.iter(|| black_box(runner.run(text).expect("a result")));
    });
    group.finish();
}

// The macro makes a public function.
#[allow(missing_docs)]
mod groups {
    criterion::criterion_group!(benches, super::encoder);
}
criterion_main!(groups::benches);
