//! One lane of arithmetic, written so that the compiler makes vectors of it.

const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// ln 2 in two parts: the first has so few bits that its product with a small whole number is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// 1.5 · 2²³: added to a small number it leaves its nearest whole number in the low bits.
const ROUND: f32 = 12_582_912.0;

/// `a · b + c`; fused (one rounding) where the CPU has it, since a fused one in software is slow.
#[inline(always)]
pub(super) fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// eˣ with a relative error below 3e-7; arguments are clamped to `[-87, 88]`, not-a-number stays.
#[inline(always)]
pub(super) fn exp<const FMA: bool>(x: f32) -> f32 {
    // Comparisons, not `max` and `min`: those would turn a not-a-number into a bound and hide it.
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = mul_add::<FMA>(x, LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = mul_add::<FMA>(-whole, LN_2_LOW, mul_add::<FMA>(-whole, LN_2_HIGH, x));
    // Chebyshev interpolation of eˣ on ±ln 2 / 2.
    let mut sum = EXP[6];
    sum = mul_add::<FMA>(sum, rest, EXP[5]);
    sum = mul_add::<FMA>(sum, rest, EXP[4]);
    sum = mul_add::<FMA>(sum, rest, EXP[3]);
    sum = mul_add::<FMA>(sum, rest, EXP[2]);
    sum = mul_add::<FMA>(sum, rest, EXP[1]);
    sum = mul_add::<FMA>(sum, rest, EXP[0]);
    // The low bits of `shifted` are the power of two.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    sum * power
}

const EXP: [f32; 7] = [1.0, 1.0, 0.5, 0.166_664_15, 0.041_666_35, 0.008_375_134, 0.001_394_111_9];

/// The sum of the lanes in one fixed order.
#[inline(always)]
pub(super) fn sum_lanes(mut lanes: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_3e_7_of_the_f64_one() {
        for step in -8_600..=8_700 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();

            for value in [exp::<false>(x), exp::<true>(x)] {
                assert!((f64::from(value) / exact - 1.0).abs() < 3e-7, "{x}: {value} for {exact}");
            }
        }
        assert!(exp::<true>(f32::NAN).is_nan());
    }
}
