//! Gated units: one product switches another on and off.

use super::cpu::by_level;

by_level! {
    /// Multiplies every element of `values` by its factor.
    pub fn gate(factors: &[f32], values: &mut [f32]) = gate_lanes
}

#[inline(always)]
fn gate_lanes<const FMA: bool>(factors: &[f32], values: &mut [f32]) {
    assert_eq!(factors.len(), values.len(), "every element has a factor");
    for (value, factor) in values.iter_mut().zip(factors) {
        *value *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Cpu, CpuLevel};

    #[test]
    fn every_element_is_multiplied_by_its_own_factor() {
        for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
            let mut values: Vec<f32> = (0..37).map(|i| i as f32).collect();
            let factors: Vec<f32> = (0..37).map(|i| 2.0 - i as f32).collect();

            gate(cpu, &factors, &mut values);

            assert!((0..37).all(|i| values[i] == i as f32 * (2.0 - i as f32)), "{cpu:?}");
        }
    }
}
