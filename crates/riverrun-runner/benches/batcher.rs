//! What a runner adds to the computation.
// `criterion_group!` makes public functions without documentation.
#![allow(missing_docs)]

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};

/// Forks and joins without work, then spins for some microseconds per item.
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

/// The shape of a small model's forward pass: whatever the threads, 36 forks of 100 us of work.
fn forward_pass(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("36 forks of 100 us");
    for parts in [1_u32, 2, 8] {
        let through = Runner::new("forward", Forks { parts });
        assert!(through.init_local().is_ok());
        group.bench_with_input(BenchmarkId::new("parts", parts), &parts, |bencher, _| {
            bencher.iter(|| through.run(()));
        });
    }
    group.finish();
}

struct Forks {
    parts: u32,
}

impl Runnable for Forks {
    type Input = ();
    type Prepared = ();
    type Output = ();

    fn prepare(&self, (): ()) -> Result<Prepared<()>, ItemError> {
        Ok(Prepared { value: (), cost: 25 })
    }

    fn run(&self, batch: Vec<()>, compute: &Compute) -> Result<Vec<Result<(), ItemError>>, ItemError> {
        for _ in 0..36 {
            compute.parallel(self.parts as usize, &|_| {
                let until = Instant::now() + Duration::from_micros(100) / self.parts;
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
            });
        }
        Ok(batch.into_iter().map(Ok).collect())
    }
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

criterion_group!(benches, overhead, fork_join, forward_pass, callers);
criterion_main!(benches);
