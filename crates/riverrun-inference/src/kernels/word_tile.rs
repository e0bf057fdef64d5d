//! The innermost product of rounded rows: a few rows times one panel, a word of two or four elements at a time.

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::cpu::{Cpu, CpuLevel};
use super::packed::PANEL;
use super::tile::{Ahead, ROWS, Sums, TALLEST, heights};

/// Rows of words, one behind the other.
#[derive(Clone, Copy)]
pub(super) struct WordRows<'a> {
    pub(super) words: &'a [u32],
    /// Words of a row, and rows of a panel; a multiple of 16.
    pub(super) depth: usize,
    /// How many there are; with AMX their words go on to a multiple of 16 rows.
    pub(super) count: usize,
    /// How far ahead of the panel's words the cache is told what comes.
    pub(super) ahead: Ahead,
}

/// Which numbers a word holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Two half-length floats on either side; the sums are floats.
    Bf16,
    /// Four bytes, unsigned in the rows and signed in the panel; the sums are whole numbers, the same on every CPU.
    Int8,
}

/// The first row of each tile that `rows` are covered with, and how many it has.
///
/// Tiles of AMX begin at multiples of 16 rows, up to which the rows are padded.
pub(super) fn tiles(cpu: Cpu, rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let amx = cpu.level() >= CpuLevel::Amx;
    let aligned = (0..rows).step_by(TALLEST).map(move |first| (first, TALLEST.min(rows - first))).filter(move |_| amx);
    aligned.chain(heights(if amx { 0 } else { rows }))
}

/// Multiplies `rows` with `panel`, `[depth, 32]`, into the first rows of `sums`.
///
/// With AMX, between [`amx::begin`] and [`amx::end`].
pub(super) fn multiply(cpu: Cpu, numbers: Numbers, rows: &WordRows<'_>, panel: &[u32], sums: &mut Sums) {
    let &WordRows { words, depth, count, .. } = rows;
    let tallest = if cpu.level() >= CpuLevel::Amx { TALLEST } else { ROWS };
    assert!((1..=tallest).contains(&count), "a tile has at least one row, and at most 14 or, with AMX, 32");
    assert_eq!(panel.len(), depth * PANEL, "the panel is as deep as the rows are long");
    assert!(words.len() >= count * depth, "there are as many rows as it says");
    match (cpu.level(), numbers) {
        #[cfg(target_arch = "x86_64")]
        (CpuLevel::Amx, _) => {
            assert!(words.len() >= count.next_multiple_of(16) * depth, "a tile of AMX has 16 rows");
            assert!(depth.is_multiple_of(16), "a tile of AMX has 16 words");
            // SAFETY: the `Cpu` proves AMX, and the assertions every address.
            unsafe { amx::multiply(numbers, rows, panel, sums) }
        }
        // SAFETY: the `Cpu` proves the instructions; the assertions above prove every index.
        #[cfg(target_arch = "x86_64")]
        (CpuLevel::Avx512Bf16, Numbers::Bf16) => unsafe { x86::bf16(rows, panel, sums) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (CpuLevel::Avx512Vnni | CpuLevel::Avx512Bf16, Numbers::Int8) => unsafe { x86::vnni(rows, panel, sums) },
        #[cfg(target_arch = "x86_64")]
        (CpuLevel::Avx2 | CpuLevel::Avx512, Numbers::Int8) => {
            assert!(depth.is_multiple_of(4), "a register of AVX2 has four words of a row");
            // SAFETY: as above; AVX-512 includes AVX2.
            unsafe { x86::avx2(rows, panel, sums) }
        }
        (_, Numbers::Int8) => portable_int8(rows, panel, sums),
        (_, Numbers::Bf16) => portable_bf16(rows, panel, sums),
    }
}

fn portable_int8(rows: &WordRows<'_>, panel: &[u32], sums: &mut Sums) {
    for (row, sums) in rows.words.chunks_exact(rows.depth).zip(&mut sums.words()[..rows.count]) {
        let mut sum = [0i32; PANEL];
        for (word, weights) in row.iter().zip(panel.chunks_exact(PANEL)) {
            let values = word.to_le_bytes().map(i32::from);
            for (sum, weight) in sum.iter_mut().zip(weights) {
                let weights = weight.to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
                for (value, weight) in values.iter().zip(weights) {
                    *sum += value * weight;
                }
            }
        }
        *sums = sum.map(i32::cast_unsigned);
    }
}

fn portable_bf16(rows: &WordRows<'_>, panel: &[u32], sums: &mut Sums) {
    let halves = |word: u32| [f32::from_bits(word << 16), f32::from_bits(word & 0xffff_0000)];
    for (row, sums) in rows.words.chunks_exact(rows.depth).zip(&mut sums.0[..rows.count]) {
        let mut sum = [0f32; PANEL];
        for (&word, weights) in row.iter().zip(panel.chunks_exact(PANEL)) {
            let values = halves(word);
            for (sum, &weight) in sum.iter_mut().zip(weights) {
                let weights = halves(weight);
                *sum += values[0] * weights[0] + values[1] * weights[1];
            }
        }
        *sums = sum;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512bh, __m512i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_add_epi32, _mm256_cvtepi8_epi16,
        _mm256_cvtepu8_epi16, _mm256_hadd_epi32, _mm256_madd_epi16, _mm256_permute4x64_epi64, _mm256_set1_epi64x,
        _mm256_setzero_si256, _mm256_storeu_si256, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_dpbf16_ps,
        _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
    };
    use std::cell::RefCell;
    use std::mem::transmute;

    use super::super::tile::even;
    use super::{PANEL, Sums, WordRows};

    /// A kernel for tiles of 1 to 14 rows, two registers of sums each, whose step adds the products of two registers of words.
    macro_rules! avx512 {
        ($name:ident, $rows:ident, $features:literal, $step:ident) => {
            /// # Safety
            /// The CPU has these features; `rows` are as [`super::multiply`] asserts them.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(rows: &WordRows<'_>, panel: &[u32], sums: &mut Sums) {
                // SAFETY: the caller's promise, with the height that was matched.
                unsafe {
                    match rows.count {
                        1 => $rows::<1>(rows, panel, sums),
                        2 => $rows::<2>(rows, panel, sums),
                        3 => $rows::<3>(rows, panel, sums),
                        4 => $rows::<4>(rows, panel, sums),
                        5 => $rows::<5>(rows, panel, sums),
                        6 => $rows::<6>(rows, panel, sums),
                        7 => $rows::<7>(rows, panel, sums),
                        8 => $rows::<8>(rows, panel, sums),
                        9 => $rows::<9>(rows, panel, sums),
                        10 => $rows::<10>(rows, panel, sums),
                        11 => $rows::<11>(rows, panel, sums),
                        12 => $rows::<12>(rows, panel, sums),
                        13 => $rows::<13>(rows, panel, sums),
                        _ => $rows::<14>(rows, panel, sums),
                    }
                }
            }

            /// # Safety
            /// As above; `rows.count` is at least `HEIGHT`.
            #[target_feature(enable = $features)]
            unsafe fn $rows<const HEIGHT: usize>(rows: &WordRows<'_>, panel: &[u32], sums: &mut Sums) {
                let mut sum = [[_mm512_setzero_si512(); 2]; HEIGHT];
                let (words, weights) = (rows.words.as_ptr(), panel.as_ptr());
                let ahead = rows.ahead.words(rows.depth);
                for k in 0..rows.depth {
                    // SAFETY: `k` is below the depth, so 32 weights follow, and every row has a word `k`. What is fetched ahead
                    // may lie anywhere.
                    unsafe {
                        _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add(k * PANEL + ahead).cast());
                        _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add(k * PANEL + ahead + 16).cast());
                        let left = _mm512_loadu_si512(weights.add(k * PANEL).cast());
                        let right = _mm512_loadu_si512(weights.add(k * PANEL + 16).cast());
                        for (row, sum) in sum.iter_mut().enumerate() {
                            let word = _mm512_set1_epi32((*words.add(row * rows.depth + k)).cast_signed());
                            sum[0] = $step(sum[0], word, left);
                            sum[1] = $step(sum[1], word, right);
                        }
                    }
                }
                for (sums, sum) in sums.0.iter_mut().zip(&sum) {
                    // SAFETY: a row of sums has 32 elements.
                    unsafe {
                        _mm512_storeu_si512(sums.as_mut_ptr().cast(), sum[0]);
                        _mm512_storeu_si512(sums.as_mut_ptr().add(16).cast(), sum[1]);
                    }
                }
            }
        };
    }

    avx512!(vnni, vnni_rows, "avx512f,avx512vnni", bytes);
    avx512!(bf16, bf16_rows, "avx512f,avx512bf16", halves);

    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn bytes(sums: __m512i, values: __m512i, weights: __m512i) -> __m512i {
        _mm512_dpbusd_epi32(sums, values, weights)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn halves(sums: __m512i, values: __m512i, weights: __m512i) -> __m512i {
        // SAFETY: registers of the same size, any of whose bits are numbers.
        let (values, weights) =
            unsafe { (transmute::<__m512i, __m512bh>(values), transmute::<__m512i, __m512bh>(weights)) };
        _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sums), values, weights))
    }

    thread_local! {
        /// A tile's rows with 16 bits for each byte, four to a word.
        static WIDENED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }

    /// # Safety
    /// The CPU has AVX2; `rows` are as [`super::multiply`] asserts them.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn avx2(rows: &WordRows<'_>, panel: &[u32], sums: &mut Sums) {
        WIDENED.with_borrow_mut(|widened| {
            widen(&rows.words[..rows.count * rows.depth], widened);
            // 6 × 2 sums, two registers of the panel and the row's word make 15 of 16 registers. Columns are read for all rows
            // before the next: they stay in the first cache, where a whole panel may have no room.
            for column in (0..PANEL).step_by(8) {
                for (first, height) in even(rows.count, 6) {
                    let rows = &widened[first * rows.depth..];
                    let sums = &mut sums.words()[first..];
                    // SAFETY: the caller's promise, for the rows from `first` on.
                    unsafe {
                        match height {
                            1 => avx2_rows::<1>(rows, panel, column, sums),
                            2 => avx2_rows::<2>(rows, panel, column, sums),
                            3 => avx2_rows::<3>(rows, panel, column, sums),
                            4 => avx2_rows::<4>(rows, panel, column, sums),
                            5 => avx2_rows::<5>(rows, panel, column, sums),
                            _ => avx2_rows::<6>(rows, panel, column, sums),
                        }
                    }
                }
            }
        });
    }

    #[target_feature(enable = "avx2")]
    fn widen(words: &[u32], widened: &mut Vec<u64>) {
        if widened.len() < words.len() {
            widened.resize(words.len(), 0);
        }
        for (words, widened) in words.chunks_exact(4).zip(widened.chunks_exact_mut(4)) {
            // SAFETY: four words of either length.
            unsafe {
                let words = _mm_loadu_si128(words.as_ptr().cast());
                _mm256_storeu_si256(widened.as_mut_ptr().cast(), _mm256_cvtepu8_epi16(words));
            }
        }
    }

    /// Eight columns. Bytes are widened first: their products in pairs would not fit what AVX2 adds them up in.
    ///
    /// # Safety
    /// The CPU has AVX2; there are `HEIGHT` rows, as long as the panel is deep, and sums, and `column` is 0, 8, 16 or 24.
    #[target_feature(enable = "avx2")]
    unsafe fn avx2_rows<const HEIGHT: usize>(rows: &[u64], panel: &[u32], column: usize, sums: &mut [[u32; PANEL]]) {
        let mut sum = [[_mm256_setzero_si256(); 2]; HEIGHT];
        let (words, weights, depth) = (rows.as_ptr(), panel.as_ptr(), panel.len() / PANEL);
        for k in 0..depth {
            // SAFETY: `k` is below the depth, so 8 weights follow from `column` on; every row has a word `k`.
            unsafe {
                let weights = weights.add(k * PANEL + column);
                let left = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.cast()));
                let right = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.add(4).cast()));
                for (row, sum) in sum.iter_mut().enumerate() {
                    let word = _mm256_set1_epi64x((*words.add(row * depth + k)).cast_signed());
                    sum[0] = _mm256_add_epi32(sum[0], _mm256_madd_epi16(word, left));
                    sum[1] = _mm256_add_epi32(sum[1], _mm256_madd_epi16(word, right));
                }
            }
        }
        for (row, sum) in sum.iter().enumerate() {
            // Each column's sum is in two halves; they come together in the order 0, 1, 4, 5, 2, 3, 6, 7.
            let whole = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(sum[0], sum[1]));
            let out = sums[row][column..].as_mut_ptr();
            // SAFETY: 8 elements of the row follow from `column` on.
            unsafe { _mm256_storeu_si256(out.cast(), whole) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::amx;
    use crate::kernels::packed::{Bf16Matrix, Int8Matrix};
    use crate::kernels::round::RoundedRows;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| (((i * 7_919 + seed * 104_729) % 1_009) as f32 / 504.5) - 1.0).collect()
    }

    fn product(cpu: Cpu, numbers: Numbers, rows: &RoundedRows, count: usize, panel: &[u32]) -> Vec<[u32; PANEL]> {
        let mut sums = Sums::new();
        let mut out = Vec::new();
        amx::begin(cpu);
        for (first, height) in tiles(cpu, count) {
            let words = &rows.words()[first * rows.depth()..];
            multiply(
                cpu,
                numbers,
                &WordRows { words, depth: rows.depth(), count: height, ahead: Ahead::of(first) },
                panel,
                &mut sums,
            );
            out.extend_from_slice(&sums.words()[..height]);
        }
        amx::end(cpu);
        out
    }

    #[test]
    fn every_level_gives_the_same_whole_numbers_and_no_sum_saturates() {
        for (count, inputs) in [(1, 1), (3, 64), (13, 70), (29, 384), (40, 1_000), (64, 96)] {
            // The largest byte in every place, too, whose products in pairs are beyond 16 bits.
            for rows in [numbers(count * inputs, 1), vec![1.0; count * inputs]] {
                let weight: Vec<i8> = numbers(32 * inputs, 2).iter().map(|x| (x * 127.0) as i8).collect();
                let weight = if rows[0] == 1.0 { vec![127; 32 * inputs] } else { weight };
                let mut packed = Int8Matrix::zeros(inputs, 32);
                packed.set_columns(0, &weight, &[1.0; 32]);
                let mut rounded = RoundedRows::default();
                rounded.int8(Cpu::new(CpuLevel::Portable).unwrap(), &rows, inputs, 1);
                let bytes: &[u8] = bytemuck::cast_slice(rounded.words());
                let exact: Vec<[u32; PANEL]> = (0..count)
                    .map(|row| {
                        std::array::from_fn(|column| {
                            let row = &bytes[row * rounded.depth() * 4..];
                            let sum: i32 =
                                (0..inputs).map(|k| i32::from(row[k]) * i32::from(weight[column * inputs + k])).sum();
                            sum.cast_unsigned()
                        })
                    })
                    .collect();

                for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
                    let sums = product(cpu, Numbers::Int8, &rounded, count, packed.panels().panel(0));

                    assert!(sums == exact, "{cpu:?} {count}x{inputs}");
                }
            }
        }
    }

    #[test]
    fn every_level_gives_the_product_of_half_length_floats_up_to_the_order_of_its_sums() {
        for (count, inputs) in [(1, 1), (3, 64), (13, 70), (29, 384), (64, 97)] {
            let (rows, weight) = (numbers(count * inputs, 1), numbers(32 * inputs, 2));
            let mut packed = Bf16Matrix::zeros(inputs, 32);
            packed.set_columns(0, &weight);
            let mut rounded = RoundedRows::default();
            rounded.bf16(Cpu::highest(), &rows, inputs);
            let portable = Cpu::new(CpuLevel::Portable).unwrap();
            let exact = product(portable, Numbers::Bf16, &rounded, count, packed.panels().panel(0));
            for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
                let sums = product(cpu, Numbers::Bf16, &rounded, count, packed.panels().panel(0));

                for (sum, exact) in sums.as_flattened().iter().zip(exact.as_flattened()) {
                    let (sum, exact) = (f32::from_bits(*sum), f32::from_bits(*exact));
                    assert!((sum - exact).abs() < 1e-6 * inputs as f32, "{cpu:?} {count}x{inputs} {sum} {exact}");
                }
            }
        }
    }
}
