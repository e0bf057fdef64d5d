//! The product of a batch's rows with packed weights.

use std::cell::RefCell;
use std::ops::Range;

use riverrun_runner::Compute;

use super::amx;
use super::cpu::Cpu;
use super::packed::{Bf16Matrix, Int8Matrix, PackedMatrix, Panels};
use super::product::{Epilogue, Factors, Scaling, product};
use super::round::RoundedRows;
use super::tile::{self, Ahead, Rows, Sums};
use super::word_tile::{self, Numbers, WordRows};

/// Writes `rows · weights`, with `epilogue`, to `out`; `rows` is `[n, inputs]`, `out` `[n, outputs]`.
///
/// Threads split the columns, so a row's bits do not depend on how many there are, nor on the other rows.
pub fn gemm(
    cpu: Cpu, rows: &[f32], weights: &PackedMatrix, epilogue: &Epilogue<'_>, out: &mut [f32], compute: &Compute,
) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let count = rows_of(rows, inputs, out, outputs);
    product(cpu, &Floats { cpu, rows, count, weights }, outputs, epilogue, out, compute);
}

/// As [`gemm`], with both sides rounded to half-length floats and sums in full length.
pub fn gemm_bf16(
    cpu: Cpu, rows: &[f32], weights: &Bf16Matrix, epilogue: &Epilogue<'_>, out: &mut [f32], compute: &Compute,
) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let count = rows_of(rows, inputs, out, outputs);
    with_rounded(|rounded| {
        rounded.bf16(cpu, rows, inputs);
        let numbers = Numbers::Bf16;
        let factors = Words { cpu, numbers, rows: rounded, count, panels: weights.panels(), bytes: None };
        product(cpu, &factors, outputs, epilogue, out, compute);
    });
}

/// As [`gemm`], with bytes on both sides: the weights' as they are, and those of each row between its least and its largest
/// element. Rows are turned before, where the weights are.
///
/// The sums are whole numbers, the same on every CPU.
pub fn gemm_int8(
    cpu: Cpu, rows: &[f32], weights: &Int8Matrix, epilogue: &Epilogue<'_>, out: &mut [f32], compute: &Compute,
) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let count = rows_of(rows, inputs, out, outputs);
    with_rounded(|rounded| {
        rounded.int8(cpu, rows, inputs, weights.block());
        let numbers = Numbers::Int8;
        let factors = Words { cpu, numbers, rows: rounded, count, panels: weights.panels(), bytes: Some(weights) };
        product(cpu, &factors, outputs, epilogue, out, compute);
    });
}

fn rows_of(rows: &[f32], inputs: usize, out: &[f32], outputs: usize) -> usize {
    let count = out.len().checked_div(outputs).unwrap_or(0);
    assert_eq!(out.len(), count * outputs, "the product has whole rows");
    assert_eq!(rows.len(), count * inputs, "the rows fit the weights and the product");
    count
}

/// Calls `then` with working memory that the thread keeps from call to call.
fn with_rounded(then: impl FnOnce(&mut RoundedRows)) {
    thread_local! {
        static ROUNDED: RefCell<RoundedRows> = RefCell::default();
    }
    ROUNDED.with_borrow_mut(then);
}

struct Floats<'a> {
    cpu: Cpu,
    rows: &'a [f32],
    count: usize,
    weights: &'a PackedMatrix,
}

impl Factors for Floats<'_> {
    fn tiles(&self) -> impl Iterator<Item = (usize, usize)> {
        tile::heights(self.count)
    }

    fn multiply(&self, rows: Range<usize>, panel: usize, sums: &mut Sums) {
        let stride = self.weights.inputs();
        let (data, ahead) = (&self.rows[rows.start * stride..], Ahead::of(rows.start));
        let rows = Rows { data, stride, count: rows.len(), ahead };
        tile::multiply(self.cpu, &rows, self.weights.panel(panel), sums);
    }

    fn depth(&self) -> usize {
        self.weights.inputs()
    }

    fn scaling(&self, _: Range<usize>, _: usize) -> Scaling<'_> {
        Scaling::Exact
    }
}

struct Words<'a> {
    cpu: Cpu,
    numbers: Numbers,
    rows: &'a RoundedRows,
    count: usize,
    panels: &'a Panels,
    /// What the panels are of, if they are of bytes.
    bytes: Option<&'a Int8Matrix>,
}

impl Factors for Words<'_> {
    fn tiles(&self) -> impl Iterator<Item = (usize, usize)> {
        word_tile::tiles(self.cpu, self.count)
    }

    fn multiply(&self, rows: Range<usize>, panel: usize, sums: &mut Sums) {
        let depth = self.rows.depth();
        let words = &self.rows.words()[rows.start * depth..];
        let rows = WordRows { words, depth, count: rows.len(), ahead: Ahead::of(rows.start) };
        word_tile::multiply(self.cpu, self.numbers, &rows, self.panels.panel(panel), sums);
    }

    fn depth(&self) -> usize {
        self.rows.depth()
    }

    fn scaling(&self, rows: Range<usize>, panel: usize) -> Scaling<'_> {
        self.bytes.map_or(Scaling::Rounded, |weights| {
            let (scales, sums) = weights.columns(panel);
            Scaling::Bytes { rows: &self.rows.scales()[rows], scales, sums }
        })
    }

    fn begin(&self) {
        amx::begin(self.cpu);
    }

    fn end(&self) {
        amx::end(self.cpu);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Activation, CpuLevel};

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
