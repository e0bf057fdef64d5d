//! Randomness for jitter and for ties; not for secrets.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0_u8));
}

/// SplitMix64 (Steele, Lea and Flood, 2014), seeded per thread.
pub(crate) fn bits() -> u64 {
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        state.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    })
}

/// Evenly from `[0, 1)`.
pub(crate) fn unit() -> f64 {
    // The 53 bits that a double keeps.
    (bits() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Evenly below `bound`, which is not zero.
pub(crate) fn below(bound: usize) -> usize {
    (bits() % bound.max(1) as u64) as usize
}

/// Evenly between nothing and `limit`.
pub(crate) fn up_to(limit: Duration) -> Duration {
    limit.mul_f64(unit())
}
