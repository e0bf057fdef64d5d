//! The innermost product: a few rows times one panel of 32 columns.

use super::cpu::{Cpu, CpuLevel};
use super::packed::PANEL;

/// Rows of the tallest tile.
///
/// With AVX-512 its 14 × 2 sums, the panel's two registers and the broadcast element make 31 of 32 registers.
pub(super) const ROWS: usize = 14;

/// Rows of the tallest tile of all: two tiles of AMX.
pub(super) const TALLEST: usize = 32;

/// The sums of a tile, before bias and activation; with whole numbers for bytes, until they are scaled.
#[repr(align(64))]
pub(super) struct Sums(pub(super) [[f32; PANEL]; TALLEST]);

impl Sums {
    pub(super) const fn new() -> Self {
        Self([[0.0; PANEL]; TALLEST])
    }

    pub(super) fn words(&mut self) -> &mut [[u32; PANEL]; TALLEST] {
        bytemuck::cast_mut(&mut self.0)
    }
}

/// Rows of a matrix, `stride` elements apart.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
    /// At most [`ROWS`].
    pub(super) count: usize,
    /// How far ahead of the panel's words the cache is told what comes.
    pub(super) ahead: Ahead,
}

/// Which of a panel's words the cache is told of while others are multiplied: left to itself it has half of them too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ahead {
    /// Those of the panel behind this one, which no tile has read before.
    NextPanel,
    /// Those that follow soon: the panel is in the second cache.
    ThisPanel,
}

impl Ahead {
    /// For the tile that begins with this row: the first of a product reads each panel first.
    pub(super) fn of(row: usize) -> Self {
        if row == 0 { Self::NextPanel } else { Self::ThisPanel }
    }

    /// In words, for panels that are so deep.
    pub(super) fn words(self, depth: usize) -> usize {
        match self {
            Self::NextPanel => depth * PANEL,
            Self::ThisPanel => 8 * PANEL,
        }
    }
}

/// Multiplies `rows` with `panel`, `[depth, 32]`, into the first rows of `sums`.
///
/// Each sum starts at zero and takes its products in the order of the depth, one after the other: it does not depend on
/// how many rows there are or which of them it belongs to.
pub(super) fn multiply(cpu: Cpu, rows: &Rows<'_>, panel: &[f32], sums: &mut Sums) {
    let depth = panel.len() / PANEL;
    assert!((1..=ROWS).contains(&rows.count), "a tile has 1 to 14 rows");
    assert!(rows.data.len() >= (rows.count - 1) * rows.stride + depth, "the rows are as long as the panel is deep");
    match cpu.level() {
        CpuLevel::Portable => portable(rows, panel, sums),
        // SAFETY: the `Cpu` proves the instructions; the assertions above prove every index.
        #[cfg(target_arch = "x86_64")]
        CpuLevel::Avx2 => unsafe { x86::avx2(rows, panel, sums) },
        // SAFETY: as above; every higher level has what AVX-512 has.
        #[cfg(target_arch = "x86_64")]
        _ => unsafe { x86::avx512(rows, panel, sums) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => portable(rows, panel, sums),
    }
}

/// How many rows each of the fewest tiles has that cover `rows`.
pub(super) fn heights(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    even(rows, ROWS)
}

/// The fewest parts of `rows` that have at most so many each, by first row and height: even ones, since a low part waits for its own sums.
pub(super) fn even(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = rows.div_ceil(most);
    (0..parts).map(move |part| {
        let first = part * rows / parts;
        (first, (part + 1) * rows / parts - first)
    })
}

fn portable(rows: &Rows<'_>, panel: &[f32], sums: &mut Sums) {
    for row in 0..rows.count {
        let values = &rows.data[row * rows.stride..];
        let mut sum = [0.0f32; PANEL];
        for (&value, weights) in values.iter().zip(panel.chunks_exact(PANEL)) {
            for (sum, &weight) in sum.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
        sums.0[row] = sum;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _MM_HINT_T0, _mm_prefetch, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps,
        _mm256_storeu_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::{PANEL, Rows, Sums};

    /// # Safety
    /// The CPU has AVX-512 F; `rows` are as [`super::multiply`] asserts them.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn avx512(rows: &Rows<'_>, panel: &[f32], sums: &mut Sums) {
        macro_rules! heights {
            ($($height:literal)*) => {
                match rows.count {
                    // SAFETY: the caller's promise, with the height that was matched.
                    $($height => unsafe { avx512_rows::<$height>(rows, panel, sums) },)*
                    _ => {}
                }
            };
        }
        heights!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }

    /// # Safety
    /// As [`avx512`]; `rows.count` is `HEIGHT`.
    #[target_feature(enable = "avx512f")]
    unsafe fn avx512_rows<const HEIGHT: usize>(rows: &Rows<'_>, panel: &[f32], sums: &mut Sums) {
        let mut sum = [[_mm512_setzero_ps(); 2]; HEIGHT];
        let (data, weights) = (rows.data.as_ptr(), panel.as_ptr());
        let ahead = rows.ahead.words(panel.len() / PANEL);
        for k in 0..panel.len() / PANEL {
            // SAFETY: `k` is below the depth, so 32 weights follow; every row has an element `k`. What is fetched ahead may lie
            // anywhere.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add(k * PANEL + ahead).cast());
                _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add(k * PANEL + ahead + 16).cast());
                let left = _mm512_loadu_ps(weights.add(k * PANEL));
                let right = _mm512_loadu_ps(weights.add(k * PANEL + 16));
                for (row, sum) in sum.iter_mut().enumerate() {
                    let value = _mm512_set1_ps(*data.add(row * rows.stride + k));
                    sum[0] = _mm512_fmadd_ps(value, left, sum[0]);
                    sum[1] = _mm512_fmadd_ps(value, right, sum[1]);
                }
            }
        }
        for (row, sum) in sum.iter().enumerate() {
            let out = sums.0[row].as_mut_ptr();
            // SAFETY: a row of sums has 32 elements.
            unsafe {
                _mm512_storeu_ps(out, sum[0]);
                _mm512_storeu_ps(out.add(16), sum[1]);
            }
        }
    }

    /// # Safety
    /// The CPU has AVX2 and FMA; `rows` are as [`super::multiply`] asserts them.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2(rows: &Rows<'_>, panel: &[f32], sums: &mut Sums) {
        // 6 × 2 sums of 8, the panel's two registers and the broadcast element make 15 of 16 registers. Half a panel is read for all rows
        // before the other: it stays in the first cache, where a whole one has no room.
        for column in [0, 16] {
            for (first, height) in super::even(rows.count, 6) {
                // SAFETY: the caller's promise, for the rows from `first` on.
                unsafe {
                    match height {
                        1 => avx2_rows::<1>(rows, first, panel, column, sums),
                        2 => avx2_rows::<2>(rows, first, panel, column, sums),
                        3 => avx2_rows::<3>(rows, first, panel, column, sums),
                        4 => avx2_rows::<4>(rows, first, panel, column, sums),
                        5 => avx2_rows::<5>(rows, first, panel, column, sums),
                        _ => avx2_rows::<6>(rows, first, panel, column, sums),
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`avx2`]; `rows.count - first` is at least `HEIGHT`, and `column` is 0 or 16.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2_rows<const HEIGHT: usize>(
        rows: &Rows<'_>, first: usize, panel: &[f32], column: usize, sums: &mut Sums,
    ) {
        let mut sum = [[_mm256_setzero_ps(); 2]; HEIGHT];
        let (data, weights) = (rows.data.as_ptr(), panel.as_ptr());
        let ahead = rows.ahead.words(panel.len() / PANEL) + column;
        for k in 0..panel.len() / PANEL {
            // SAFETY: `k` is below the depth, so 16 weights follow from `column` on; every row has an element `k`. What is
            // fetched ahead may lie anywhere.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add(k * PANEL + ahead).cast());
                let left = _mm256_loadu_ps(weights.add(k * PANEL + column));
                let right = _mm256_loadu_ps(weights.add(k * PANEL + column + 8));
                for (row, sum) in sum.iter_mut().enumerate() {
                    let value = _mm256_set1_ps(*data.add((first + row) * rows.stride + k));
                    sum[0] = _mm256_fmadd_ps(value, left, sum[0]);
                    sum[1] = _mm256_fmadd_ps(value, right, sum[1]);
                }
            }
        }
        for (row, sum) in sum.iter().enumerate() {
            let out = sums.0[first + row][column..].as_mut_ptr();
            // SAFETY: 16 elements of the row follow from `column` on.
            unsafe {
                _mm256_storeu_ps(out, sum[0]);
                _mm256_storeu_ps(out.add(8), sum[1]);
            }
        }
    }
}
