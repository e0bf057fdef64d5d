//! The two widths of numbers that rows come in.

use std::fmt::Debug;

/// What a feature's values are: `f32` or `f64`.
pub(crate) trait Number: Copy + PartialOrd + Debug + Send + Sync + 'static {
    /// Orders nothing: every comparison with it is false.
    const NAN: Self;

    /// The least number that is greater than all numbers of this width up to `limit`: `x <= limit` is `x < above(limit)`.
    fn above(limit: f64) -> Self;

    /// The number itself, or the nearest one of this width.
    fn nearest(number: f64) -> Self;

    /// As the widest of them.
    fn wide(self) -> f64;
}

impl Number for f32 {
    const NAN: Self = Self::NAN;

    #[allow(clippy::cast_possible_truncation, reason = "rounding is what is looked after here")]
    fn above(limit: f64) -> Self {
        let near = limit as f32;
        let below = if f64::from(near) > limit { near.next_down() } else { near };
        below.next_up()
    }

    #[allow(clippy::cast_possible_truncation, reason = "the nearest is what was asked for")]
    fn nearest(number: f64) -> Self {
        number as f32
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Number for f64 {
    const NAN: Self = Self::NAN;

    fn above(limit: f64) -> Self {
        limit.next_up()
    }

    fn nearest(number: f64) -> Self {
        number
    }

    fn wide(self) -> f64 {
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_limit_in_f64_parts_numbers_in_f32_as_it_would_in_f64(x: f32, limit: f64, near in -3i32..=3) {
            // Limits close to the number are those that rounding could move across it.
            let mut close = f64::from(x);
            for _ in 0..near.abs() {
                close = if near < 0 { close.next_down() } else { close.next_up() };
            }
            for limit in [limit, close] {
                prop_assume!(!x.is_nan() && limit.is_finite());
                prop_assert_eq!(x < f32::above(limit), f64::from(x) <= limit);
            }
        }
    }
}
