//! In which numbers an encoder computes, and with which instructions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::InferenceError;
use crate::kernels::{Cpu, CpuLevel};

/// The numbers that an encoder's linear layers compute with. All else, and the classifier, is computed in 32-bit floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats of the form that keeps the range (bfloat16), with 32-bit sums. Nearly lossless.
    ///
    /// On a CPU that has no instructions for them 32-bit floats take their place, which are no less exact.
    Bf16,
    /// Bytes with 32-bit sums: weights with a scale per output, rows with a scale and zero point per token, found when the
    /// token is computed. No calibration, and the same bits in any batch.
    Int8,
    /// As [`Int8`](Self::Int8), with rows and weights rotated before they are rounded, so that a text's few large elements do not
    /// cost the others their bits. Closer to full precision, and somewhat slower.
    #[serde(rename = "int8-faithful")]
    Int8Faithful,
}

impl Precision {
    /// Every precision, the most exact first.
    pub const ALL: [Self; 4] = [Self::F32, Self::Bf16, Self::Int8Faithful, Self::Int8];

    /// Its name: `f32`, `bf16`, `int8-faithful` or `int8`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
            Self::Int8Faithful => "int8-faithful",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = InferenceError;

    fn from_str(name: &str) -> Result<Self, InferenceError> {
        let known = Self::ALL.into_iter().find(|precision| precision.name() == name);
        known.ok_or_else(|| InferenceError::Precision { name: name.to_owned() })
    }
}

/// Whether this CPU, or the level that `RIVERRUN_CPU` forces, has instructions for [`Precision::Bf16`].
#[must_use]
pub fn computes_bf16() -> bool {
    Cpu::chosen().is_ok_and(|cpu| cpu.level() >= CpuLevel::Avx512Bf16)
}

/// A precision and the instructions that compute in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Arithmetic {
    /// The instructions.
    pub cpu: Cpu,
    /// The numbers.
    pub precision: Precision,
}

impl Arithmetic {
    /// With the precision that this CPU computes instead of the one asked for, where it has no instructions for that.
    pub(super) fn effective(self) -> Self {
        match self.precision {
            Precision::Bf16 if self.cpu.level() < CpuLevel::Avx512Bf16 => self.cpu.into(),
            _ => self,
        }
    }
}

impl From<Cpu> for Arithmetic {
    /// 32-bit floats.
    fn from(cpu: Cpu) -> Self {
        Self { cpu, precision: Precision::F32 }
    }
}
