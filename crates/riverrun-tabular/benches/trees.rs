//! Batches of 1, 100 and 10,000 rows. `bench/tabular/run.py` runs it beside the libraries.

// A benchmark that cannot begin has nothing to say.
#![allow(clippy::expect_used, missing_docs)]

use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use riverrun_runner::Compute;
use riverrun_tabular::TreeModel;

fn trees(criterion: &mut Criterion) {
    for name in ["xgboost-softprob.ubj", "lightgbm-regression.txt"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        let model = TreeModel::load(path).expect("a model");
        let mut group = criterion.benchmark_group(name);
        for rows in [1, 100, 10_000] {
            let values: Vec<f32> = (0..rows * model.features()).map(|at| (at as f32 * 0.7).sin()).collect();
            group.throughput(Throughput::Elements(rows as u64));
            group.bench_function(BenchmarkId::from_parameter(rows), |bencher| {
                bencher.iter(|| model.predict_on(&values, &Compute::single()).expect("predictions"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, trees);
criterion_main!(benches);
