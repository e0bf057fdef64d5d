//! What becomes of the trees' sums.

use serde::Serialize;

/// What makes predictions of the sums of the trees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Transform {
    /// The sums themselves.
    Identity,
    /// A probability, of the sum times a factor.
    Sigmoid(f64),
    /// Probabilities that sum up to 1.
    Softmax,
    /// The number of the greatest.
    ArgMax,
    /// The exponential.
    Exp,
    /// `ln(1 + exp(x))`.
    Log1pExp,
    /// The square with the sum's sign.
    SignedSquare,
    /// 1 above zero, else 0.
    Step,
}

impl Transform {
    /// How many predictions a row with `groups` sums has.
    pub(crate) fn outputs(self, groups: usize) -> usize {
        if self == Self::ArgMax { 1 } else { groups }
    }

    /// In `f32`, as XGBoost computes.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the library rounds here as well")]
    pub(crate) fn apply_f32(self, sums: &mut [f32]) {
        match self {
            Self::Identity | Self::ArgMax => {}
            // The factor is LightGBM's alone.
            Self::Sigmoid(_) => sums.iter_mut().for_each(|x| *x = 1.0 / ((-*x).min(88.7).exp() + 1.0 + 1e-16)),
            Self::Softmax => {
                let most = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                sums.iter_mut().for_each(|x| *x = (*x - most).exp());
                let total = sums.iter().map(|&x| f64::from(x)).sum::<f64>() as f32;
                sums.iter_mut().for_each(|x| *x /= total);
            }
            Self::Exp => sums.iter_mut().for_each(|x| *x = x.exp()),
            Self::Log1pExp => sums.iter_mut().for_each(|x| *x = x.exp().ln_1p()),
            Self::SignedSquare => sums.iter_mut().for_each(|x| *x *= x.abs()),
            Self::Step => sums.iter_mut().for_each(|x| *x = f32::from(*x > 0.0)),
        }
    }

    /// In `f64`, as LightGBM computes.
    pub(crate) fn apply_f64(self, sums: &mut [f64]) {
        match self {
            Self::Identity | Self::ArgMax => {}
            Self::Sigmoid(factor) => sums.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-factor * *x).exp())),
            Self::Softmax => {
                let most = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                sums.iter_mut().for_each(|x| *x = (*x - most).exp());
                let total: f64 = sums.iter().sum();
                sums.iter_mut().for_each(|x| *x /= total);
            }
            Self::Exp => sums.iter_mut().for_each(|x| *x = x.exp()),
            Self::Log1pExp => sums.iter_mut().for_each(|x| *x = x.exp().ln_1p()),
            Self::SignedSquare => sums.iter_mut().for_each(|x| *x *= x.abs()),
            Self::Step => sums.iter_mut().for_each(|x| *x = f64::from(*x > 0.0)),
        }
    }
}

/// The number of the greatest, the first of equals.
pub(crate) fn arg_max<V: PartialOrd + Copy>(sums: &[V]) -> usize {
    let mut best = 0;
    for (index, sum) in sums.iter().enumerate() {
        if *sum > sums[best] {
            best = index;
        }
    }
    best
}
