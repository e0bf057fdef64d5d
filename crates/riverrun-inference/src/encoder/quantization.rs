//! Weights in bytes.

/// The rows of a matrix in bytes, `value ≈ byte · scale`, a scale for each row: its largest magnitude becomes 127.
pub(super) struct Quantized {
    pub(super) bytes: Vec<i8>,
    pub(super) scales: Vec<f32>,
}

impl Quantized {
    /// The nearest bytes of `weight`, `[outputs, inputs]`.
    pub(super) fn nearest(weight: &[f32], inputs: usize) -> Self {
        let mut quantized = Self { bytes: Vec::with_capacity(weight.len()), scales: Vec::new() };
        for row in weight.chunks_exact(inputs.max(1)) {
            let largest = row.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            // In f64, since the inverse of a tiny scale is beyond f32.
            let scale = f64::from(largest) / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let byte = |&value: &f32| (f64::from(value) * inverse).round_ties_even() as i8;
            quantized.bytes.extend(row.iter().map(byte));
            quantized.scales.push(scale as f32);
        }
        quantized
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_byte_is_within_half_a_step_of_its_weight(
            row in prop::collection::vec(-1e3f32..1e3, 1..40),
            exponent in -30i32..30,
        ) {
            let row: Vec<f32> = row.into_iter().map(|value| value * 2f32.powi(exponent)).collect();
            let quantized = Quantized::nearest(&row, row.len());

            let scale = f64::from(quantized.scales[0]);
            for (&value, &byte) in row.iter().zip(&quantized.bytes) {
                let difference = (f64::from(value) - f64::from(byte) * scale).abs();
                prop_assert!(difference <= scale * 0.500_1, "{value} as {byte} · {scale}");
            }
        }
    }

    #[test]
    fn a_row_of_zeros_and_one_of_the_smallest_numbers_are_finite() {
        let quantized = Quantized::nearest(&[0.0, -0.0, f32::from_bits(1), -f32::from_bits(2)], 2);

        assert_eq!(quantized.bytes[..2], [0, 0]);
        assert!(quantized.scales.iter().all(|scale| scale.is_finite()));
    }
}
