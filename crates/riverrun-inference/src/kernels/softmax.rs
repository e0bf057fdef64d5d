//! Softmax.

use super::cpu::by_level;
use super::lanes::{exp, sum_lanes};

by_level! {
    /// Turns the row of logits, each times `scale`, into probabilities, in place.
    ///
    /// The largest is subtracted first, so logits of any size, all of them far below zero too, give probabilities.
    pub fn softmax(row: &mut [f32], scale: f32) = softmax_lanes
}

#[inline(always)]
pub(super) fn softmax_lanes<const FMA: bool>(row: &mut [f32], scale: f32) {
    let mut largest = f32::NEG_INFINITY;
    for &value in &*row {
        largest = if value > largest { value } else { largest };
    }
    let mut sums = [0.0; 16];
    let mut chunks = row.chunks_exact_mut(16);
    for chunk in &mut chunks {
        for lane in 0..16 {
            chunk[lane] = exp::<FMA>((chunk[lane] - largest) * scale);
            sums[lane] += chunk[lane];
        }
    }
    for (sum, value) in sums.iter_mut().zip(chunks.into_remainder()) {
        *value = exp::<FMA>((*value - largest) * scale);
        *sum += *value;
    }
    let factor = 1.0 / sum_lanes(sums);
    for value in row {
        *value *= factor;
    }
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
