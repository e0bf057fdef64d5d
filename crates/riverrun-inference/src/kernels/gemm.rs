//! The product of a batch's rows with packed weights.

use riverrun_runner::Compute;

use super::activation::{Activation, apply_lanes};
use super::cpu::{Cpu, by_level};
use super::packed::{PANEL, PackedMatrix};
use super::shared::Shared;
use super::tile::{self, Rows, Sums};

/// What is done to a product while it is still in the cache: `activation(product + bias) + residual`.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// One addend per column.
    pub bias: &'a [f32],
    /// What follows the bias.
    pub activation: Activation,
    /// A matrix of the product's shape that is added at the end.
    pub residual: Option<&'a [f32]>,
}

/// Writes `rows · weights`, with `epilogue`, to `out`; `rows` is `[n, inputs]`, `out` `[n, outputs]`.
///
/// Threads split the columns, so a row's bits do not depend on how many there are, nor on the other rows.
pub fn gemm(
    cpu: Cpu, rows: &[f32], weights: &PackedMatrix, epilogue: &Epilogue<'_>, out: &mut [f32], compute: &Compute,
) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let count = out.len().checked_div(outputs).unwrap_or(0);
    assert_eq!(out.len(), count * outputs, "the product has whole rows");
    assert_eq!(rows.len(), count * inputs, "the rows fit the weights and the product");
    assert_eq!(epilogue.bias.len(), outputs, "the bias has one element per column");
    assert!(epilogue.residual.is_none_or(|residual| residual.len() == out.len()), "the residual fits the product");

    let panels = weights.panels();
    let parts = parts(panels, compute.threads());
    let out = Shared::new(out);
    compute.parallel(parts, &|part| {
        let mut sums = Sums::new();
        for panel in part * panels / parts..(part + 1) * panels / parts {
            let first = panel * PANEL;
            let width = PANEL.min(outputs - first);
            let weights = weights.panel(panel);
            for (row, height) in tile::heights(count) {
                let rows = Rows { data: &rows[row * inputs..], stride: inputs, count: height };
                tile::multiply(cpu, rows, weights, &mut sums);
                for (row, sums) in (row..).zip(&mut sums.0[..height]) {
                    let start = row * outputs + first;
                    // SAFETY: each column belongs to one panel and each panel to one part.
                    let out = unsafe { out.segment(start, width) };
                    let bias = &epilogue.bias[first..first + width];
                    let residual = epilogue.residual.map(|residual| &residual[start..start + width]);
                    finish(cpu, sums, bias, epilogue.activation, residual, out);
                }
            }
        }
    });
}

/// A few parts per thread, so that one that is late does not keep the others waiting long.
fn parts(panels: usize, threads: usize) -> usize {
    if threads <= 1 { 1 } else { panels.min(threads * 3) }
}

by_level! {
    fn finish(
        sums: &mut [f32; PANEL],
        bias: &[f32],
        activation: Activation,
        residual: Option<&[f32]>,
        out: &mut [f32],
    ) = finish_lanes
}

#[inline(always)]
fn finish_lanes<const FMA: bool>(
    sums: &mut [f32; PANEL], bias: &[f32], activation: Activation, residual: Option<&[f32]>, out: &mut [f32],
) {
    for (sum, &bias) in sums.iter_mut().zip(bias) {
        *sum += bias;
    }
    apply_lanes::<FMA>(activation, sums);
    match residual {
        None => out.copy_from_slice(&sums[..out.len()]),
        Some(residual) => {
            for ((out, &sum), &residual) in out.iter_mut().zip(&*sums).zip(residual) {
                *out = sum + residual;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::CpuLevel;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| (((i * 7_919 + seed * 104_729) % 1_009) as f32 / 504.5) - 1.0).collect()
    }

    fn product(
        cpu: Cpu, rows: &[f32], weight: &[f32], inputs: usize, bias: &[f32], residual: Option<&[f32]>,
    ) -> Vec<f32> {
        let packed = PackedMatrix::from_weight(weight, inputs);
        let mut out = vec![f32::NAN; rows.len() / inputs * bias.len()];
        let epilogue = Epilogue { bias, activation: Activation::Identity, residual };
        gemm(cpu, rows, &packed, &epilogue, &mut out, &Compute::single());
        out
    }

    #[test]
    fn every_level_gives_the_product_of_any_shape() {
        for (count, inputs, outputs) in [(1, 1, 1), (1, 384, 96), (7, 20, 3), (15, 33, 31), (29, 64, 32), (43, 50, 70)]
        {
            let (rows, weight) = (numbers(count * inputs, 1), numbers(outputs * inputs, 2));
            let (bias, residual) = (numbers(outputs, 3), numbers(count * outputs, 4));
            for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
                let out = product(cpu, &rows, &weight, inputs, &bias, Some(&residual));

                for (index, &value) in out.iter().enumerate() {
                    let (row, column) = (index / outputs, index % outputs);
                    let exact: f64 = (0..inputs)
                        .map(|k| f64::from(rows[row * inputs + k]) * f64::from(weight[column * inputs + k]))
                        .sum();
                    let exact = exact + f64::from(bias[column]) + f64::from(residual[index]);
                    let bound = 2e-5 + 2e-6 * inputs as f64;
                    assert!((f64::from(value) - exact).abs() < bound, "{cpu:?} {count}x{inputs}x{outputs}");
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_alone_and_among_any_others() {
        let (inputs, outputs) = (97, 45);
        let (rows, weight, bias) = (numbers(60 * inputs, 5), numbers(outputs * inputs, 6), numbers(outputs, 7));
        for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
            let alone: Vec<f32> =
                rows.chunks(inputs).flat_map(|row| product(cpu, row, &weight, inputs, &bias, None)).collect();
            for count in 1..=60 {
                let together = product(cpu, &rows[(60 - count) * inputs..], &weight, inputs, &bias, None);

                assert_eq!(together, alone[(60 - count) * outputs..], "{cpu:?} {count} rows");
            }
        }
    }
}
