//! Softmax.

use super::cpu::by_level;
use super::lanes::exp;

/// What is further below the largest counts as this far below: its share is nothing either way, and one that is too small for
/// a normal float would take a hundred times as long.
const FLOOR: f32 = -80.0;

by_level! {
    /// Turns the row of logits, each times `scale`, into probabilities, in place.
    ///
    /// The largest is subtracted first, so logits of any size, all of them far below zero too, give probabilities.
    pub fn softmax(row: &mut [f32], scale: f32) = softmax_lanes
}

#[inline(always)]
fn softmax_lanes<const FMA: bool>(row: &mut [f32], scale: f32) {
    let largest = row.iter().fold(f32::NEG_INFINITY, |largest, &value| larger(value, largest));
    for value in &mut *row {
        *value = share::<FMA>(*value, largest, scale);
    }
    let factor = 1.0 / row.iter().sum::<f32>();
    for value in row {
        *value *= factor;
    }
}

by_level! {
    /// As [`softmax`], of the first `length` elements of every row of `rows`, `[n, width]`, a multiple of 16 wide. What lies
    /// behind them is overwritten.
    pub(super) fn softmax_rows(rows: &mut [f32], width: usize, length: usize, scale: f32) = softmax_rows_lanes
}

#[inline(always)]
fn softmax_rows_lanes<const FMA: bool>(rows: &mut [f32], width: usize, length: usize, scale: f32) {
    assert!(width.is_multiple_of(16) && length <= width, "rows are whole lanes, and as long as they say");
    for row in rows.chunks_exact_mut(width.max(1)) {
        let (chunks, _) = row[..length.next_multiple_of(16)].as_chunks_mut::<16>();
        // Without a tail, since lanes that add next to nothing cost less than a loop of single elements. In registers: if the row's end
        // were written first, the row could not be read before all rows ahead of it are finished.
        let inside = |index: usize, lane: usize, value: f32| {
            if index * 16 + lane < length { value } else { f32::NEG_INFINITY }
        };
        let mut lanes = [f32::NEG_INFINITY; 16];
        for (index, chunk) in chunks.iter().enumerate() {
            for lane in 0..16 {
                lanes[lane] = larger(inside(index, lane, chunk[lane]), lanes[lane]);
            }
        }
        let largest = lanes.into_iter().fold(f32::NEG_INFINITY, |largest, value| larger(value, largest));
        let mut sums = [0.0; 16];
        for (index, chunk) in chunks.iter_mut().enumerate() {
            for lane in 0..16 {
                chunk[lane] = share::<FMA>(inside(index, lane, chunk[lane]), largest, scale);
                sums[lane] += chunk[lane];
            }
        }
        // One after the other: as a tree it would become one with the loop above, whose lanes would come apart.
        let factor = 1.0 / sums.into_iter().fold(0.0, |sum, value| sum + value);
        for chunk in chunks {
            for value in chunk {
                *value *= factor;
            }
        }
    }
}

/// A comparison, not `max`, which would hide a not-a-number.
#[inline(always)]
fn larger(value: f32, largest: f32) -> f32 {
    if value > largest { value } else { largest }
}

#[inline(always)]
fn share<const FMA: bool>(value: f32, largest: f32, scale: f32) -> f32 {
    let value = (value - largest) * scale;
    exp::<FMA>(if value < FLOOR { FLOOR } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Cpu, CpuLevel};

    #[test]
    fn it_is_stable_for_logits_of_any_size() {
        for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
            for offset in [0.0, -1e4, -1e6, 1e6] {
                let mut row = [offset, offset + 1.0, offset - 100.0];

                softmax(cpu, &mut row, 1.0);

                assert!((row[0] - 0.268_941_4).abs() < 1e-6, "{cpu:?} {row:?}");
                assert!((row[1] - 0.731_058_6).abs() < 1e-6, "{cpu:?} {row:?}");
                assert!(row[2] < 1e-30, "{cpu:?} {row:?}");
            }
        }
    }

    #[test]
    fn rows_are_as_each_alone_but_for_the_order_of_sums() {
        let rows: Vec<f32> = (0..96).map(|i| ((i * 31 % 57) as f32 - 28.0) / 3.0).collect();
        for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
            for length in [1, 15, 16, 25, 32] {
                let mut together = rows.clone();
                softmax_rows(cpu, &mut together, 32, length, 0.5);

                for (row, together) in rows.chunks(32).zip(together.chunks(32)) {
                    let mut alone = row[..length].to_vec();
                    softmax(cpu, &mut alone, 0.5);
                    for (alone, together) in alone.iter().zip(together) {
                        assert!((alone - together).abs() < 1e-6, "{cpu:?} length {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn it_agrees_with_f64_at_any_length() {
        for length in [1usize, 5, 16, 25, 333] {
            let logits: Vec<f32> = (0..length).map(|i| ((i * 31 % 57) as f32 - 28.0) / 3.0).collect();
            let sum: f64 = logits.iter().map(|&x| (f64::from(x) * 0.5).exp()).sum();

            for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
                let mut row = logits.clone();
                softmax(cpu, &mut row, 0.5);

                for (&value, &logit) in row.iter().zip(&logits) {
                    let exact = (f64::from(logit) * 0.5).exp() / sum;
                    assert!((f64::from(value) - exact).abs() < 1e-6, "{cpu:?} length {length}");
                }
            }
        }
    }
}
