//! Rows in fewer bits: half-length floats, and bytes with a scale and a zero point of their own.

use super::cpu::{Cpu, by_level};
use super::packed::WORDS;
use super::rotation::turn_lanes;

/// Rows of a tile of AMX, to whose multiple rows are padded.
const TILE: usize = 16;

/// Rounding to half-length floats: the upper half of a float.
pub(super) struct Bf16;

impl Bf16 {
    /// The nearest, to even between two; not-a-number stays one.
    #[inline(always)]
    pub(super) fn nearest(value: f32) -> u16 {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
        let bits = if value.is_nan() { (bits >> 16) | 0x40 } else { rounded };
        // The upper half of a word fits.
        bits as u16
    }
}

/// Rows of half-length floats or of bytes, in words of four bytes.
#[derive(Debug, Default)]
pub(super) struct RoundedRows {
    words: Vec<u32>,
    /// Words of a row.
    depth: usize,
    /// `value = (byte - zero) · scale`, for each row; only of bytes.
    scales: Vec<RowScale>,
    /// One row while it is turned.
    turned: Vec<f32>,
}

/// How the bytes of a row are numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowScale {
    pub(super) scale: f32,
    pub(super) zero: i32,
}

impl RoundedRows {
    /// The words of all rows; a multiple of 16 rows, the last ones left over from before.
    pub(super) fn words(&self) -> &[u32] {
        &self.words
    }

    /// Words of a row.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn scales(&self) -> &[RowScale] {
        &self.scales
    }

    /// Rounds `rows`, `[n, inputs]`, to half-length floats.
    pub(super) fn bf16(&mut self, cpu: Cpu, rows: &[f32], inputs: usize) {
        let count = self.sized(rows, inputs, 2);
        bf16_rows(cpu, rows, inputs, &mut self.words[..count * self.depth]);
    }

    /// Rounds `rows`, `[n, inputs]`, to bytes from 0 to 255 between each row's least and largest, after they are turned by so many
    /// elements.
    pub(super) fn int8(&mut self, cpu: Cpu, rows: &[f32], inputs: usize, block: usize) {
        let count = self.sized(rows, inputs, 4);
        self.scales.resize(count, RowScale::default());
        let words = &mut self.words[..count * self.depth];
        if block <= 1 {
            int8_rows(cpu, rows, inputs, words, &mut self.scales);
        } else {
            self.turned.resize(inputs, 0.0);
            turned_int8_rows(cpu, rows, block, &mut self.turned, words, &mut self.scales);
        }
    }

    fn sized(&mut self, rows: &[f32], inputs: usize, per_word: usize) -> usize {
        let count = rows.len().checked_div(inputs).unwrap_or(0);
        self.depth = inputs.div_ceil(per_word).next_multiple_of(WORDS);
        self.words.resize(count.next_multiple_of(TILE) * self.depth, 0);
        count
    }
}

by_level! {
    fn bf16_rows(rows: &[f32], inputs: usize, words: &mut [u32]) = bf16_lanes
}

#[inline(always)]
fn bf16_lanes<const FMA: bool>(rows: &[f32], inputs: usize, words: &mut [u32]) {
    let depth = inputs.div_ceil(2).next_multiple_of(WORDS);
    for (row, words) in rows.chunks_exact(inputs.max(1)).zip(words.chunks_exact_mut(depth)) {
        let pairs = row.chunks_exact(2);
        let last = pairs.remainder();
        let (filled, rest) = words.split_at_mut(inputs / 2);
        for (word, pair) in filled.iter_mut().zip(pairs) {
            *word = u32::from(Bf16::nearest(pair[0])) | u32::from(Bf16::nearest(pair[1])) << 16;
        }
        rest.fill(0);
        if let (Some(word), Some(&value)) = (rest.first_mut(), last.first()) {
            *word = u32::from(Bf16::nearest(value));
        }
    }
}

by_level! {
    fn turned_int8_rows(rows: &[f32], block: usize, turned: &mut [f32], words: &mut [u32], scales: &mut [RowScale]) = turned_int8_lanes
}

#[inline(always)]
fn turned_int8_lanes<const FMA: bool>(
    rows: &[f32], block: usize, turned: &mut [f32], words: &mut [u32], scales: &mut [RowScale],
) {
    let inputs = turned.len();
    let depth = inputs.div_ceil(4).next_multiple_of(WORDS);
    let rows = rows.chunks_exact(inputs.max(1));
    for ((row, words), scale) in rows.zip(words.chunks_exact_mut(depth)).zip(scales) {
        turned.copy_from_slice(row);
        turn_lanes::<FMA>(turned, block);
        *scale = int8_words(turned, words);
    }
}

by_level! {
    fn int8_rows(rows: &[f32], inputs: usize, words: &mut [u32], scales: &mut [RowScale]) = int8_lanes
}

/// 1.5 · 2²³: added to a small number it leaves its nearest whole number in the low bits.
const ROUND: f32 = 12_582_912.0;

#[inline(always)]
fn int8_lanes<const FMA: bool>(rows: &[f32], inputs: usize, words: &mut [u32], scales: &mut [RowScale]) {
    let depth = inputs.div_ceil(4).next_multiple_of(WORDS);
    let rows = rows.chunks_exact(inputs.max(1));
    for ((row, words), scale) in rows.zip(words.chunks_exact_mut(depth)).zip(scales) {
        *scale = int8_words(row, words);
    }
}

#[inline(always)]
fn int8_words(row: &[f32], words: &mut [u32]) -> RowScale {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(words);
    let (filled, rest) = bytes.split_at_mut(row.len());
    rest.fill(0);
    int8_row(row, filled)
}

#[inline(always)]
fn int8_row(row: &[f32], bytes: &mut [u8]) -> RowScale {
    // Zero is within every row's range, so that it is a byte exactly. Sixteen lanes, since one alone would wait for itself.
    let (mut least, mut largest, mut poison) = ([0f32; 16], [0f32; 16], [0f32; 16]);
    let mut see = |lane: usize, value: f32| {
        least[lane] = if value < least[lane] { value } else { least[lane] };
        largest[lane] = if value > largest[lane] { value } else { largest[lane] };
        // What is no number, or infinite, leaves not-a-number here, and so in the scale and the product.
        poison[lane] += value * 0.0;
    };
    let (chunks, tail) = row.as_chunks::<16>();
    for chunk in chunks {
        chunk.iter().enumerate().for_each(|(lane, &value)| see(lane, value));
    }
    tail.iter().enumerate().for_each(|(lane, &value)| see(lane, value));
    // One after the other: as a tree it would become one with the loop above, whose lanes would come apart.
    let least = least.into_iter().fold(0.0, |least, value| if value < least { value } else { least });
    let largest = largest.into_iter().fold(0.0, |largest, value| if value > largest { value } else { largest });
    let scale = (largest - least) / 255.0;
    // A row of zeros, and one so small that its scale vanishes, is zeros.
    let inverse = if scale > f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
    let zero = (-least * inverse + ROUND) - ROUND;
    // The low bits of the sum are the nearest whole number, which the range keeps between 0 and 255 but for the rounding of its
    // bounds.
    let round = |value: f32| {
        let value = value * inverse + zero;
        let value = if value > 255.0 { 255.0 } else { value };
        let value = if value < 0.0 { 0.0 } else { value };
        (value + ROUND).to_bits() as u8
    };
    for (byte, &value) in bytes.iter_mut().zip(row) {
        *byte = round(value);
    }
    RowScale { scale: scale + poison.into_iter().fold(0.0, |sum, value| sum + value), zero: zero as i32 }
}
