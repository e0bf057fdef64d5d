//! What the engine costs per record: source, map, filter and sink, in one chain and across a channel.
#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "criterion's macros have no docs; a job that fails ends the benchmark"
)]

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use riverrun_local::LocalHost;
use riverrun_stream::operator::Readiness;
use riverrun_stream::sink::{NoCommit, Sink, SinkWriter};
use riverrun_stream::{Data, DataStream, Result, RuntimeContext, StreamExecutionEnvironment, StreamRecord};

const RECORDS: u64 = 10_000_000;

/// Adds up what arrives: the least that a sink can do and still read every record.
struct ChecksumSink<T, F> {
    sum: Arc<AtomicU64>,
    digest: F,
    data: PhantomData<fn(T)>,
}

trait Digest<T>: Fn(&T) -> u64 + Clone + Send + Sync + 'static {}

impl<T, F: Fn(&T) -> u64 + Clone + Send + Sync + 'static> Digest<T> for F {}

struct ChecksumWriter<T, F> {
    sum: Arc<AtomicU64>,
    digest: F,
    data: PhantomData<fn(T)>,
}

impl<T: Data, F: Digest<T>> Sink for ChecksumSink<T, F> {
    type In = T;
    type Committable = ();
    type Writer = ChecksumWriter<T, F>;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Checksum".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<ChecksumWriter<T, F>> {
        Ok(ChecksumWriter { sum: self.sum.clone(), digest: self.digest.clone(), data: PhantomData })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl<T: Data, F: Digest<T>> SinkWriter for ChecksumWriter<T, F> {
    type In = T;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<T>>) -> Result<Readiness> {
        let sum = records.iter().fold(0_u64, |sum, record| sum.wrapping_add((self.digest)(&record.value)));
        self.sum.fetch_add(sum, Ordering::Relaxed);
        Ok(Readiness::Ready)
    }
}

fn run<T: Data>(records: u64, build: impl FnOnce(DataStream<u64>) -> DataStream<T>, digest: impl Digest<T>) -> u64 {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(1);
    let sum = Arc::new(AtomicU64::new(0));
    build(env.from_sequence(1, records).clone()).sink_to(ChecksumSink { sum: sum.clone(), digest, data: PhantomData });
    env.execute().expect("the job runs");
    sum.load(Ordering::Relaxed)
}

fn numbers(stream: &DataStream<u64>) -> DataStream<u64> {
    stream.map(|n| n.wrapping_mul(3)).filter(|n| n % 8 != 0).clone()
}

fn texts(stream: &DataStream<u64>) -> DataStream<(String, u64)> {
    stream.map(|n| ("a text of some length".to_string(), n)).filter(|(_, n)| n % 8 != 0).clone()
}

fn engine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    group.sample_size(10);
    group.throughput(Throughput::Elements(RECORDS));
    group.bench_function("u64/chained", |bench| bench.iter(|| run(RECORDS, |stream| numbers(&stream), |n| *n)));
    group.bench_function("u64/channel", |bench| {
        bench.iter(|| run(RECORDS, |stream| numbers(&stream.rebalance()), |n| *n));
    });
    let texts_a_run = RECORDS / 5;
    let digest = |(text, n): &(String, u64)| n + text.len() as u64;
    group.throughput(Throughput::Elements(texts_a_run));
    group.bench_function("String/chained", |bench| {
        bench.iter(|| run(texts_a_run, |stream| texts(&stream), digest));
    });
    group.bench_function("String/channel", |bench| {
        bench.iter(|| run(texts_a_run, |stream| texts(&stream).rebalance().filter(|_| true).clone(), digest));
    });
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
