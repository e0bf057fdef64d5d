//! Activation functions.

use super::cpu::by_level;
use super::lanes::{exp, mul_add};

/// What follows a linear layer, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `x · Φ(x)`, by the error function: what `gelu` means in a configuration.
    Gelu,
    /// The tanh form of GELU: `gelu_new`, `gelu_pytorch_tanh`.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// `x · σ(x)`, which is also called swish.
    Silu,
}

by_level! {
    /// Applies `activation` to every element.
    pub fn apply(activation: Activation, values: &mut [f32]) = apply_lanes
}

#[inline(always)]
fn apply_lanes<const FMA: bool>(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Identity => {}
        Activation::Gelu => {
            for value in values {
                *value = gelu::<FMA>(*value);
            }
        }
        Activation::GeluTanh => {
            for value in values {
                *value = gelu_tanh::<FMA>(*value);
            }
        }
        Activation::Relu => {
            for value in values {
                *value = relu(*value);
            }
        }
        Activation::Tanh => {
            for value in values {
                *value = tanh::<FMA>(*value);
            }
        }
        Activation::Silu => {
            for value in values {
                *value = silu::<FMA>(*value);
            }
        }
    }
}

/// Exact, and a not-a-number stays one, unlike with `max`.
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    0.5 * (x + x.abs())
}

/// `relu(x) - a · Φ(-a)` with `a = |x|`, which is `x · Φ(x)`.
///
/// The second term is smooth, at most 0.17 and below 1.1e-7 from 5.5 on, so one polynomial does; the whole is within
/// 5e-7 of the exact value for any `x`.
#[inline(always)]
pub(super) fn gelu<const FMA: bool>(x: f32) -> f32 {
    let a = x.abs();
    let a = if a > TAIL_END { TAIL_END } else { a };
    let u = mul_add::<FMA>(a, 2.0 / TAIL_END, -1.0);
    let mut tail = TAIL[16];
    let mut term = 16;
    while term > 0 {
        term -= 1;
        tail = mul_add::<FMA>(tail, u, TAIL[term]);
    }
    relu(x) - tail
}

/// Where the polynomial of [`gelu`] ends.
const TAIL_END: f32 = 5.5;

/// `a · erfc(a / √2) / 2` in powers of `u = 2a / 5.5 - 1`: Chebyshev interpolation of degree 16, computed in f64.
const TAIL: [f32; 17] = [
    0.008_194_349,
    -0.060_578_227,
    0.191_266_13,
    -0.308_671_77,
    0.178_888_7,
    0.260_321_05,
    -0.627_847_8,
    0.460_155_7,
    0.149_504_91,
    -0.546_387_7,
    0.276_241_75,
    0.233_847_02,
    -0.261_687_8,
    -0.038_418_195,
    0.101_876_88,
    -0.000_267_895_35,
    -0.016_437_132,
];

/// As [`gelu`], within 3e-5: what is rounded to bytes or half-length floats before and after needs no more.
#[inline(always)]
pub(super) fn gelu_rounded<const FMA: bool>(x: f32) -> f32 {
    let a = x.abs();
    let a = if a > ROUNDED_TAIL_END { ROUNDED_TAIL_END } else { a };
    let u = mul_add::<FMA>(a, 2.0 / ROUNDED_TAIL_END, -1.0);
    let mut tail = ROUNDED_TAIL[10];
    let mut term = 10;
    while term > 0 {
        term -= 1;
        tail = mul_add::<FMA>(tail, u, ROUNDED_TAIL[term]);
    }
    relu(x) - tail
}

/// Where the polynomial of [`gelu_rounded`] ends.
const ROUNDED_TAIL_END: f32 = 4.5;

/// As [`TAIL`], of degree 10 and in powers of `2a / 4.5 - 1`.
const ROUNDED_TAIL: [f32; 11] = [
    0.027_505_064,
    -0.132_995_04,
    0.246_177_61,
    -0.147_826_52,
    -0.199_532_63,
    0.437_035_4,
    -0.214_796_72,
    -0.179_382_92,
    0.187_938_9,
    0.023_169_357,
    -0.047_296_33,
];

/// `x / 2 · (1 + tanh(u))` with `u = √(2 / π) · (x + 0.044715 x³)`, which is `x / (1 + exp(-2u))`.
#[inline(always)]
pub(super) fn gelu_tanh<const FMA: bool>(x: f32) -> f32 {
    let minus_two_u = x * mul_add::<FMA>(x * x, -0.071_354_81, -1.595_769);
    x / (1.0 + exp::<FMA>(minus_two_u))
}

#[inline(always)]
pub(super) fn silu<const FMA: bool>(x: f32) -> f32 {
    x / (1.0 + exp::<FMA>(-x))
}

#[inline(always)]
pub(super) fn tanh<const FMA: bool>(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp::<FMA>(2.0 * x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Cpu, CpuLevel};

    /// erf by its Taylor series up to 3 and by the continued fraction of erfc beyond, in f64.
    fn erf(x: f64) -> f64 {
        let a = x.abs();
        let value = if a < 3.0 {
            let (mut term, mut sum) = (a, a);
            for n in 1..200 {
                term *= -a * a / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            sum * 2.0 / std::f64::consts::PI.sqrt()
        } else {
            let fraction = (1..=60).rev().fold(a, |f, n| a + f64::from(n) / 2.0 / f);
            1.0 - (-a * a).exp() / (fraction * std::f64::consts::PI.sqrt())
        };
        value.copysign(x)
    }

    fn compare(activation: Activation, bound: f64, exact: impl Fn(f64) -> f64) {
        let inputs: Vec<f32> = (-4_000..=4_000).map(|step| step as f32 / 250.0).collect();
        for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
            let mut values = inputs.clone();

            apply(cpu, activation, &mut values);

            for (&x, &value) in inputs.iter().zip(&values) {
                let difference = (f64::from(value) - exact(f64::from(x))).abs();
                assert!(difference <= bound, "{activation:?} {cpu:?} {x}: {difference:e}");
            }
        }
    }

    #[test]
    fn gelu_is_the_exact_error_function_form() {
        assert!((erf(0.5) - 0.520_499_877_813_046_5).abs() < 1e-14);
        assert!((erf(3.5) - 0.999_999_256_901_627_7).abs() < 1e-14);

        compare(Activation::Gelu, 1e-6, |x| 0.5 * x * (1.0 + erf(x / 2f64.sqrt())));
    }

    #[test]
    fn gelu_new_is_the_tanh_form() {
        compare(Activation::GeluTanh, 2e-6, |x| {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + u.tanh())
        });
    }

    #[test]
    fn tanh_and_relu_are_what_they_say() {
        compare(Activation::Tanh, 5e-7, f64::tanh);
        compare(Activation::Silu, 2e-6, |x| x / (1.0 + (-x).exp()));
        compare(Activation::Relu, 0.0, |x| x.max(0.0));
        compare(Activation::Identity, 0.0, |x| x);
    }

    #[test]
    fn a_not_a_number_stays_one() {
        for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Tanh, Activation::Silu]
        {
            let mut values = [f32::NAN];

            apply(Cpu::highest(), activation, &mut values);

            assert!(values[0].is_nan(), "{activation:?}");
        }
    }
}
