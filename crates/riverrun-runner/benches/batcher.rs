//! What a runner adds to the computation.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};

/// Spins for some microseconds per item, on all the threads it is lent if `parts` is above 1.
struct Spin {
    micros: u64,
    forks: usize,
}

impl Runnable for Spin {
    type Input = u64;
    type Prepared = u64;
    type Output = u64;

    fn prepare(&self, value: u64) -> Result<Prepared<u64>, ItemError> {
        Ok(Prepared { value, cost: 25 })
    }

    fn run(&self, batch: Vec<u64>, compute: &Compute) -> Result<Vec<Result<u64, ItemError>>, ItemError> {
        for _ in 0..self.forks {
            compute.parallel(compute.threads(), &|part| {
                black_box(part);
            });
        }
        for _ in &batch {
            let until = Instant::now() + Duration::from_micros(self.micros);
            while self.micros > 0 && Instant::now() < until {
                std::hint::spin_loop();
            }
        }
        Ok(batch.into_iter().map(Ok).collect())
    }
}

fn runner(micros: u64, forks: usize) -> Runner<Spin> {
    let runner = Runner::new("spin", Spin { micros, forks });
    assert!(runner.init_local().is_ok());
    runner
}

fn overhead(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one caller, no work");
    let direct = Spin { micros: 0, forks: 0 };
    group.bench_function("prepare and run called directly", |bencher| {
        bencher.iter(|| {
            let prepared = direct.prepare(black_box(1)).ok();
            let batch = prepared.map(|prepared| vec![prepared.value]).unwrap_or_default();
            direct.run(batch, &Compute::single()).ok()
        });
    });
    let through = runner(0, 0);
    group.bench_function("run", |bencher| bencher.iter(|| through.run(black_box(1_u64))));
    group.bench_function("run_batch of 64", |bencher| {
        bencher.iter(|| through.run_batch(black_box((0..64_u64).collect::<Vec<_>>())));
    });
    group.finish();
}

fn fork_join(criterion: &mut Criterion) {
    let through = runner(0, 1000);
    criterion.bench_function("1000 fork-joins", |bencher| bencher.iter(|| through.run(1_u64)));
}

fn callers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("32 items of 100 us");
    group.sample_size(10);
    for callers in [1_u64, 2, 4, 16] {
        let through = runner(100, 0);
        group.bench_with_input(BenchmarkId::new("callers", callers), &callers, |bencher, _| {
            bencher.iter(|| {
                thread::scope(|scope| {
                    for _ in 0..callers {
                        scope.spawn(|| (0..32 / callers).for_each(|n| drop(through.run(n))));
                    }
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, overhead, fork_join, callers);
criterion_main!(benches);
