//! The rows of linear layers' weights, in the numbers that they are computed with.

use crate::kernels::{Cpu, Quantized, turn_weights};

/// Rows of a weight, `[outputs, inputs]`.
pub(super) enum Rows {
    F32(Vec<f32>),
    /// Each number is to be rounded to the nearest.
    Bf16(Vec<f32>),
    Int8 {
        quantized: Quantized,
        /// Whether they were rotated before, as the rows have to be that they are multiplied with.
        turned: bool,
    },
    /// So many, which are packed already.
    Packed(usize),
}

/// The first number that is rounded to infinity as a half-length float: halfway between the largest and 2¹²⁸.
const BF16_END: f32 = f32::from_bits(0x7f7f_8000);

impl Rows {
    /// Whether no weight would become infinite as a half-length float.
    pub(super) fn fit_bf16(weight: &[f32]) -> bool {
        weight.iter().all(|value| value.abs() < BF16_END)
    }

    /// The nearest bytes of a weight, `[outputs, inputs]`.
    pub(super) fn quantize(cpu: Cpu, mut weight: Vec<f32>, inputs: usize, turned: bool) -> Quantized {
        if turned {
            turn_weights(cpu, &mut weight, inputs);
        }
        Quantized::nearest(cpu, &weight, inputs)
    }

    /// Takes off the rows from `first` on; each has `inputs` numbers.
    pub(super) fn split_off(&mut self, first: usize, inputs: usize) -> Self {
        match self {
            Self::Packed(rows) => Self::Packed(rows.saturating_sub(std::mem::replace(rows, first))),
            Self::F32(rows) => Self::F32(rows.split_off(first * inputs)),
            Self::Bf16(rows) => Self::Bf16(rows.split_off(first * inputs)),
            Self::Int8 { quantized, turned } => {
                let bytes = quantized.bytes.split_off(first * inputs);
                let scales = quantized.scales.split_off(first);
                Self::Int8 { quantized: Quantized { bytes, scales }, turned: *turned }
            }
        }
    }
}
