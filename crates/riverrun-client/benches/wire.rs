//! What a batch costs on the wire: MessagePack with field names, which is Riverrun's form, beside JSON and postcard.
// `criterion_group!` makes public functions without documentation.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use riverrun_runner::wire::{Payload, WireError, WireRequest, WireResponse};
use serde::{Deserialize, Serialize};

const ITEMS: usize = 32;

#[derive(Serialize, Deserialize)]
struct Label {
    label: String,
    score: f32,
}

/// Of a tweet's length, with what tweets have in them.
fn text(index: usize) -> String {
    let words =
        ["@user", "just", "can't", "believe", "how", "good", "this", "is", "“really”", "😀", "#happy", "http://t.co/x"];
    (0..8 + index % 14).map(|word| words[(index * 7 + word * 5) % words.len()]).collect::<Vec<_>>().join(" ")
}

fn labels() -> Vec<Label> {
    let label = |index: usize| Label {
        label: ["negative", "neutral", "positive"][index % 3].to_owned(),
        score: 1.0 / (index as f32 + 1.37),
    };
    (0..ITEMS).map(label).collect()
}

/// A request's encoding, its decoding, the answer's encoding and its decoding: all that a batch costs.
fn message_pack() -> usize {
    let inputs = (0..ITEMS).map(|index| Payload::Text(text(index))).collect();
    let request = WireRequest { method: None, inputs }.encode().unwrap();
    let read = WireRequest::decode(&request).unwrap();
    let answer = WireResponse::<Label> { outputs: labels().into_iter().map(Ok).collect() }.encode().unwrap();
    let response = WireResponse::<Label>::decode(&answer).unwrap();
    black_box((read, response.outputs.len()));
    request.len() + answer.len()
}

fn json() -> usize {
    let texts: Vec<String> = (0..ITEMS).map(text).collect();
    let request = serde_json::to_vec(&texts).unwrap();
    let read: Vec<Payload> = serde_json::from_slice(&request).unwrap();
    let outputs: Vec<Result<Label, WireError>> = labels().into_iter().map(Ok).collect();
    let answer = serde_json::to_vec(&WireResponse { outputs }).unwrap();
    let response: WireResponse<Label> = serde_json::from_slice(&answer).unwrap();
    black_box((read, response.outputs.len()));
    request.len() + answer.len()
}

/// Not self-describing: both sides have to know that the items are texts, and neither may add a field.
fn postcard() -> usize {
    let texts: Vec<String> = (0..ITEMS).map(text).collect();
    let request = postcard::to_allocvec(&texts).unwrap();
    let read: Vec<String> = postcard::from_bytes(&request).unwrap();
    let outputs: Vec<Result<Label, WireError>> = labels().into_iter().map(Ok).collect();
    let answer = postcard::to_allocvec(&WireResponse { outputs }).unwrap();
    let response: WireResponse<Label> = postcard::from_bytes(&answer).unwrap();
    black_box((read, response.outputs.len()));
    request.len() + answer.len()
}

/// What making the texts and labels costs: a part of all others.
fn nothing() -> usize {
    let texts: Vec<String> = (0..ITEMS).map(text).collect();
    black_box((texts, labels().len()));
    0
}

fn wire(c: &mut Criterion) {
    let mut group = c.benchmark_group("a batch of 32 there and back");
    group.throughput(Throughput::Elements(ITEMS as u64));
    let forms =
        [("MessagePack", message_pack as fn() -> usize), ("JSON", json), ("postcard", postcard), ("nothing", nothing)];
    for (name, form) in forms {
        println!("{name}: {} bytes", form());
        group.bench_function(BenchmarkId::from_parameter(name), |b| b.iter(form));
    }
    group.finish();
}

criterion_group!(benches, wire);
criterion_main!(benches);
