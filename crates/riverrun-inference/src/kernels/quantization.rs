//! Weights in bytes.

use super::cpu::{Cpu, by_level};

/// The rows of a matrix in bytes, `value ≈ byte · scale`, a scale for each row: its largest magnitude becomes 127.
#[derive(Debug)]
pub struct Quantized {
    /// `[rows, inputs]`.
    pub bytes: Vec<i8>,
    /// `[rows]`.
    pub scales: Vec<f32>,
}

impl Quantized {
    /// The nearest bytes of `weight`, `[outputs, inputs]`.
    #[must_use]
    pub fn nearest(cpu: Cpu, weight: &[f32], inputs: usize) -> Self {
        let inputs = inputs.max(1);
        let mut quantized = Self { bytes: vec![0; weight.len()], scales: vec![0.0; weight.len() / inputs] };
        nearest(cpu, weight, inputs, &mut quantized.bytes, &mut quantized.scales);
        quantized
    }

    /// The rows of all layers, which have the same inputs, one behind the other.
    #[must_use]
    pub fn joined(layers: impl IntoIterator<Item = Self>) -> Self {
        let join = |mut all: Self, next: Self| {
            all.bytes.extend(next.bytes);
            all.scales.extend(next.scales);
            all
        };
        layers.into_iter().reduce(join).unwrap_or(Self { bytes: Vec::new(), scales: Vec::new() })
    }
}

by_level! {
    fn nearest(weight: &[f32], inputs: usize, bytes: &mut [i8], scales: &mut [f32]) = nearest_lanes
}

/// 1.5 · 2⁵²: added to a small number it leaves its nearest whole number, the even one between two, in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

#[inline(always)]
fn nearest_lanes<const FMA: bool>(weight: &[f32], inputs: usize, bytes: &mut [i8], scales: &mut [f32]) {
    let rows = weight.chunks_exact(inputs).zip(bytes.chunks_exact_mut(inputs));
    for ((row, bytes), scale) in rows.zip(scales) {
        let mut largest = [0f32; 16];
        let (chunks, tail) = row.as_chunks::<16>();
        for chunk in chunks {
            for (largest, value) in largest.iter_mut().zip(chunk) {
                *largest = if value.abs() > *largest { value.abs() } else { *largest };
            }
        }
        let largest = largest.iter().chain(tail).fold(0f32, |largest, value| largest.max(value.abs()));
        // In f64, since the inverse of a tiny scale is beyond f32.
        let wide = f64::from(largest) / 127.0;
        let inverse = if wide > 0.0 { 1.0 / wide } else { 0.0 };
        for (byte, &value) in bytes.iter_mut().zip(row) {
            // The magnitude is 127 at most.
            *byte = (f64::from(value) * inverse + ROUND).to_bits() as i8;
        }
        *scale = wide as f32;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::CpuLevel;

    fn portable() -> Cpu {
        Cpu::new(CpuLevel::Portable).unwrap()
    }

    proptest! {
        #[test]
        fn a_byte_is_within_half_a_step_of_its_weight(
            row in prop::collection::vec(-1e3f32..1e3, 1..40),
            exponent in -30i32..30,
        ) {
            let row: Vec<f32> = row.into_iter().map(|value| value * 2f32.powi(exponent)).collect();
            let quantized = Quantized::nearest(Cpu::highest(), &row, row.len());
            let portable = Quantized::nearest(portable(), &row, row.len());
            prop_assert_eq!(&quantized.bytes, &portable.bytes);

            let scale = f64::from(quantized.scales[0]);
            for (&value, &byte) in row.iter().zip(&quantized.bytes) {
                let difference = (f64::from(value) - f64::from(byte) * scale).abs();
                prop_assert!(difference <= scale * 0.500_1, "{value} as {byte} · {scale}");
            }
        }
    }

    #[test]
    fn a_row_of_zeros_and_one_of_the_smallest_numbers_are_finite() {
        let quantized = Quantized::nearest(Cpu::highest(), &[0.0, -0.0, f32::from_bits(1), -f32::from_bits(2)], 2);

        assert_eq!(quantized.bytes[..2], [0, 0]);
        assert!(quantized.scales.iter().all(|scale| scale.is_finite()));
    }
}
