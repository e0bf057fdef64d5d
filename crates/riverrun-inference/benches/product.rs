//! The f32 product of 200 rows, eight tweets, with the weights of MiniLM-L6 and BERT-base, on one thread, beside a loop of nothing but
//! fused multiply-adds, which no product can be faster than. What criterion calls an element is an operation.

// A loop of vector instructions is what the roof is.
#![allow(unsafe_code)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_main};
use riverrun_inference::kernels::{Activation, Cpu, Epilogue, PackedMatrix, gemm};
use riverrun_runner::Compute;

const ROWS: usize = 200;

/// Inputs and outputs: queries, keys and values, attention's output, and the two of the feed-forward layer.
const SHAPES: [(usize, usize); 8] =
    [(384, 1152), (384, 384), (384, 1536), (1536, 384), (768, 2304), (768, 768), (768, 3072), (3072, 768)];

/// Weights of each shape in turn, as in a model: so many that they do not stay in the second cache.
const NUMBERS: usize = 12_000_000;

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("f32 product of 200 rows, one thread");
    group.sample_size(20);
    for (inputs, outputs) in SHAPES {
        let weight: Vec<f32> = (0..inputs * outputs).map(|index| (index % 13) as f32 / 100.0).collect();
        let matrices: Vec<PackedMatrix> =
            (0..NUMBERS / weight.len()).map(|_| PackedMatrix::from_weight(&weight, inputs)).collect();
        let rows: Vec<f32> = (0..ROWS * inputs).map(|index| (index % 7) as f32 / 10.0).collect();
        let (bias, mut out) = (vec![0.1; outputs], vec![0.0; ROWS * outputs]);
        let epilogue = Epilogue { bias: &bias, activation: Activation::Identity, residual: None };
        group.throughput(Throughput::Elements((2 * ROWS * weight.len() * matrices.len()) as u64));
        group.bench_function(format!("{inputs} x {outputs}"), |bencher| {
            bencher.iter(|| {
                for matrix in &matrices {
                    gemm(Cpu::highest(), black_box(&rows), matrix, &epilogue, &mut out, &Compute::single());
                }
            });
        });
    }
    group.finish();
}

#[cfg(target_arch = "x86_64")]
mod roof {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps, _mm512_fmadd_ps, _mm512_set1_ps};

    pub(super) const STEPS: u64 = 1_000_000;

    /// As many sums as there are registers for, beside the two factors.
    pub(super) const WIDE_SUMS: usize = 28;
    pub(super) const SUMS: usize = 13;

    /// # Safety
    /// The CPU has AVX-512 F.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn avx512() {
        let mut sums = [_mm512_set1_ps(1.0); WIDE_SUMS];
        let (factor, addend) = (_mm512_set1_ps(0.999), _mm512_set1_ps(0.5));
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, addend);
            }
        }
        std::hint::black_box(&sums);
    }

    /// # Safety
    /// The CPU has AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2() {
        let mut sums = [_mm256_set1_ps(1.0); SUMS];
        let (factor, addend) = (_mm256_set1_ps(0.999), _mm256_set1_ps(0.5));
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, addend);
            }
        }
        std::hint::black_box(&sums);
    }
}

#[cfg(target_arch = "x86_64")]
fn roof(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("multiply-adds alone, one thread");
    group.sample_size(20);
    if is_x86_feature_detected!("avx512f") {
        group.throughput(Throughput::Elements(roof::STEPS * roof::WIDE_SUMS as u64 * 32));
        // SAFETY: the feature was just seen.
        group.bench_function("AVX-512", |bencher| bencher.iter(|| unsafe { roof::avx512() }));
    }
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        group.throughput(Throughput::Elements(roof::STEPS * roof::SUMS as u64 * 16));
        // SAFETY: the features were just seen.
        group.bench_function("AVX2", |bencher| bencher.iter(|| unsafe { roof::avx2() }));
    }
    group.finish();
}

#[cfg(not(target_arch = "x86_64"))]
fn roof(_: &mut Criterion) {}

fn product() {
    let mut criterion = Criterion::default().configure_from_args();
    roof(&mut criterion);
    products(&mut criterion);
}

criterion_main!(product);
