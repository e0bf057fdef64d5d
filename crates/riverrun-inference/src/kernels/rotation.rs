//! Rotation of rows before they are rounded to bytes.
//!
//! A few elements of a text's rows are a hundred times as large as the rest, and a row whose bytes span these has few left for
//! the others. An orthogonal matrix spreads each element over a block of them; where the weights are turned by the same matrix,
//! the product stays what it was. It is Hadamard's, of ones and minus ones, which takes additions alone
//! (after QuaRot, Ashkboos and others, 2024, arXiv 2404.00456).

use super::cpu::{Cpu, by_level};

/// The most elements over which one is spread.
const LARGEST: usize = 128;

/// How many elements of a row with `inputs` of them are mixed with each other: a power of two that divides it; 1 where nothing
/// is turned.
pub(super) fn block_of(inputs: usize) -> usize {
    if inputs == 0 { 1 } else { (1 << inputs.trailing_zeros()).min(LARGEST) }
}

/// Turns weights, `[outputs, inputs]`, so that their product with rows that are turned while they are rounded is what it was.
pub fn turn_weights(cpu: Cpu, weight: &mut [f32], inputs: usize) {
    let block = block_of(inputs);
    turn(cpu, weight, block);
    // Both turns together are this many times the identity; an inverse power of two is exact.
    let inverse = 1.0 / block as f32;
    weight.iter_mut().for_each(|value| *value *= inverse);
}

by_level! {
    fn turn(row: &mut [f32], block: usize) = turn_lanes
}

/// Multiplies each block of `row` with Hadamard's matrix of ones and minus ones, in one order of additions on every CPU.
#[inline(always)]
pub(super) fn turn_lanes<const FMA: bool>(row: &mut [f32], block: usize) {
    match block {
        128 => blocks::<128>(row),
        64 => blocks::<64>(row),
        32 => blocks::<32>(row),
        16 => blocks::<16>(row),
        8 => blocks::<8>(row),
        4 => blocks::<4>(row),
        2 => blocks::<2>(row),
        _ => {}
    }
}

/// A loop, not `for_each`, which would be compiled for itself, without the instructions of the level.
#[inline(always)]
fn blocks<const N: usize>(row: &mut [f32]) {
    let mut other = [0.0; N];
    for block in row.as_chunks_mut::<N>().0 {
        for _ in 0..N.ilog2() / 2 {
            step(block, &mut other);
            step(&other, block);
        }
        if N.ilog2() % 2 == 1 {
            step(block, &mut other);
            *block = other;
        }
    }
}

/// Sums of neighbours in the first half and their differences in the second: as many times as the size has bits it is the whole
/// matrix (Pease's form of it, in which all steps are alike and none mixes the lanes of a register with each other).
#[inline(always)]
fn step<const N: usize>(from: &[f32; N], to: &mut [f32; N]) {
    let (sums, differences) = to.split_at_mut(N / 2);
    for ((pair, sum), difference) in from.as_chunks::<2>().0.iter().zip(sums).zip(differences) {
        *sum = pair[0] + pair[1];
        *difference = pair[0] - pair[1];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::CpuLevel;

    /// The definition: an element is positive where its row and column have an even number of ones in common.
    fn product(block: &[f32]) -> Vec<f64> {
        let element =
            |row: usize, column: usize| if (row & column).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        let row = |row| block.iter().enumerate().map(|(column, &value)| element(row, column) * f64::from(value)).sum();
        (0..block.len()).map(row).collect()
    }

    proptest! {
        #[test]
        fn a_turn_is_the_product_with_hadamards_matrix_the_same_bits_on_every_cpu(
            exponent in 0u32..8,
            blocks in 1usize..4,
            values in prop::collection::vec(-1e3f32..1e3, 512),
        ) {
            let block = 1 << exponent;
            let row = &values[..blocks * block];
            let mut first = None;
            for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
                let mut turned = row.to_vec();
                turn(cpu, &mut turned, block);

                let exact: Vec<f64> = row.chunks(block).flat_map(product).collect();
                for (value, exact) in turned.iter().zip(&exact) {
                    prop_assert!((f64::from(*value) - exact).abs() < 0.1, "{cpu:?}: {value} for {exact}");
                }
                prop_assert_eq!(first.get_or_insert_with(|| turned.clone()), &turned, "{:?}", cpu);
            }
        }

        #[test]
        fn turned_weights_have_the_same_product_with_turned_rows(
            inputs in 1usize..300,
            seed in prop::collection::vec(-1f32..1.0, 600),
        ) {
            let (row, weight) = (&seed[..inputs], &seed[300..300 + inputs]);
            let exact: f64 = row.iter().zip(weight).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            let (mut row, mut weight) = (row.to_vec(), weight.to_vec());

            turn(Cpu::highest(), &mut row, block_of(inputs));
            turn_weights(Cpu::highest(), &mut weight, inputs);

            let turned: f64 = row.iter().zip(&weight).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            prop_assert!((turned - exact).abs() < 1e-3, "{turned} for {exact}");
        }
    }

    #[test]
    fn a_single_large_element_is_spread_over_its_block() {
        let mut row = vec![0.0; 384];
        row[200] = 128.0;

        turn(Cpu::highest(), &mut row, block_of(384));

        assert!(row[128..256].iter().all(|value| value.abs() == 128.0) && row[256..].iter().all(|&value| value == 0.0));
    }
}
