//! Rotary positions: each head's halves are turned by angles that grow with the token's position.

use super::cpu::by_level;
use super::lanes::mul_add;

/// Cosines and sines of the angles at each position.
#[derive(Debug)]
pub struct RotaryTable {
    /// `[positions, half]`.
    cosines: Vec<f32>,
    /// `[positions, half]`.
    sines: Vec<f32>,
    half: usize,
}

impl RotaryTable {
    /// The table for heads of twice as many elements as there are `frequencies`: the angle at position `p` is `p` times the frequency.
    #[must_use]
    pub fn new(frequencies: &[f32], positions: usize) -> Self {
        // Angles in f32, as checkpoints were trained with; their cosines exactly.
        let angles = (0..positions).flat_map(|position| frequencies.iter().map(move |angle| position as f32 * angle));
        let (cosines, sines) =
            angles.map(|angle| (f64::from(angle).cos() as f32, f64::from(angle).sin() as f32)).unzip();
        Self { cosines, sines, half: frequencies.len() }
    }

    /// How many positions there are.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.cosines.len().checked_div(self.half).unwrap_or(0)
    }
}

by_level! {
    /// Turns the first `heads` heads of every row, `stride` elements apart from each other; `places` has each row's position.
    pub fn rotate(table: &RotaryTable, places: &[usize], heads: usize, stride: usize, rows: &mut [f32]) = rotate_lanes
}

#[inline(always)]
fn rotate_lanes<const FMA: bool>(table: &RotaryTable, places: &[usize], heads: usize, stride: usize, rows: &mut [f32]) {
    let half = table.half;
    assert!(heads * 2 * half <= stride, "the heads fit into a row");
    assert_eq!(rows.len(), places.len() * stride, "there is one position per row");
    if half == 0 {
        return;
    }
    for (row, &place) in rows.chunks_exact_mut(stride.max(1)).zip(places) {
        let cosines = &table.cosines[place * half..][..half];
        let sines = &table.sines[place * half..][..half];
        for head in row[..heads * 2 * half].chunks_exact_mut(2 * half) {
            let (left, right) = head.split_at_mut(half);
            for (((left, right), &cosine), &sine) in left.iter_mut().zip(right).zip(cosines).zip(sines) {
                let (x, y) = (*left, *right);
                *left = mul_add::<FMA>(x, cosine, -(y * sine));
                *right = mul_add::<FMA>(y, cosine, x * sine);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Cpu, CpuLevel};

    #[test]
    fn halves_of_heads_are_turned_by_the_angle_of_their_position_and_the_rest_of_a_row_stays() {
        let table = RotaryTable::new(&[1.0, 0.1, 0.01], 9);
        let row: Vec<f32> = (0..15).map(|i| i as f32 - 7.0).collect();

        for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
            let mut rows = [row.clone(), row.clone()].concat();
            rotate(cpu, &table, &[0, 8], 2, 15, &mut rows);

            assert_eq!(rows[..15], row[..], "position 0 turns nothing");
            assert_eq!(rows[15 + 12..], row[12..], "beyond the heads");
            for head in 0..2 {
                for (i, frequency) in [1.0f64, 0.1, 0.01].into_iter().enumerate() {
                    let (x, y) = (f64::from(row[head * 6 + i]), f64::from(row[head * 6 + 3 + i]));
                    let (sine, cosine) = (8.0 * frequency).sin_cos();
                    let turned = [rows[15 + head * 6 + i], rows[15 + head * 6 + 3 + i]];
                    assert!((f64::from(turned[0]) - (x * cosine - y * sine)).abs() < 1e-5, "{cpu:?}");
                    assert!((f64::from(turned[1]) - (y * cosine + x * sine)).abs() < 1e-5, "{cpu:?}");
                }
            }
        }
    }
}
