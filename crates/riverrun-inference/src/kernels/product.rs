//! What the products of all kinds of numbers have in common: tiles of rows times panels of columns, and what follows.

use std::ops::Range;

use riverrun_runner::Compute;

use super::activation::{self, Activation};
use super::cpu::{Cpu, by_level};
use super::packed::PANEL;
use super::round::RowScale;
use super::shared::Shared;
use super::tile::Sums;

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

/// Rows that are multiplied with panels.
pub(super) trait Factors: Sync {
    /// The first row of each tile, and how many it has.
    fn tiles(&self) -> impl Iterator<Item = (usize, usize)>;

    /// Writes the rows' sums of a panel's columns to the first rows of `sums`.
    fn multiply(&self, rows: Range<usize>, panel: usize, sums: &mut Sums);

    /// Words of a panel's column.
    fn depth(&self) -> usize;

    /// What makes floats of the sums.
    fn scaling(&self, rows: Range<usize>, panel: usize) -> Scaling<'_>;

    /// Called by a thread before its first `multiply` and after its last.
    fn begin(&self) {}
    fn end(&self) {}
}

/// What makes floats of a tile's sums.
#[derive(Clone, Copy)]
pub(super) enum Scaling<'a> {
    /// They are floats, of products of full length.
    Exact,
    /// They are floats, of products of rounded numbers.
    Rounded,
    /// They are sums of products of bytes, of rows and columns with scales of their own.
    Bytes { rows: &'a [RowScale], scales: &'a [f32], sums: &'a [i32] },
}

/// Writes the product, `[n, outputs]`, with what follows it to `out`.
///
/// Threads split the columns, so a row's bits do not depend on how many there are, nor on the other rows.
pub(super) fn product(
    cpu: Cpu, factors: &impl Factors, outputs: usize, epilogue: &Epilogue<'_>, out: &mut [f32], compute: &Compute,
) {
    assert_eq!(epilogue.bias.len(), outputs, "the bias has one element per column");
    assert!(epilogue.residual.is_none_or(|residual| residual.len() == out.len()), "the residual fits the product");
    let panels = outputs.div_ceil(PANEL);
    let parts = parts(panels, out.len() / outputs.max(1), compute.threads());
    let group = (GROUP / (4 * PANEL * factors.depth()).max(1)).max(1);
    let out = Shared::new(out);
    compute.parallel(parts, &|part| {
        factors.begin();
        let mut sums = Sums::new();
        let (start, end) = (part * panels / parts, (part + 1) * panels / parts);
        for first in (start..end).step_by(group) {
            for (row, height) in factors.tiles() {
                let rows = row..row + height;
                for panel in first..end.min(first + group) {
                    factors.multiply(rows.clone(), panel, &mut sums);
                    let scaling = factors.scaling(rows.clone(), panel);
                    let tile = Tile { first: row, height, panel, outputs, scaling, epilogue };
                    finish(cpu, &mut sums, &tile, &out);
                }
            }
        }
        factors.end();
    });
}

/// Bytes of the panels that are read again for every tile: a part of the second cache, so that the rows are read seldom.
const GROUP: usize = 256 << 10;

/// A few parts per thread, so that one that is late does not keep the others waiting long. Of few rows a part takes microseconds, and the
/// columns that a thread has written lie in its own cache: one part for each thread is soonest done.
fn parts(panels: usize, rows: usize, threads: usize) -> usize {
    const FEW: usize = 64;
    let each = if rows <= FEW { 1 } else { 3 };
    if threads <= 1 { 1 } else { panels.min(threads * each) }
}

/// Where a tile's sums go, and what is done to them.
struct Tile<'a> {
    /// The first row, and how many there are.
    first: usize,
    height: usize,
    panel: usize,
    /// Columns of the product.
    outputs: usize,
    scaling: Scaling<'a>,
    epilogue: &'a Epilogue<'a>,
}

by_level! {
    fn finish(sums: &mut Sums, tile: &Tile<'_>, out: &Shared<'_>) = finish_lanes
}

#[inline(always)]
fn finish_lanes<const FMA: bool>(sums: &mut Sums, tile: &Tile<'_>, out: &Shared<'_>) {
    // Outside of the loop over rows, so that each loop has its constants in registers.
    match (tile.epilogue.activation, tile.scaling) {
        (Activation::Identity, _) => tile.finish(sums, out, |x| x),
        (Activation::Gelu, Scaling::Exact) => tile.finish(sums, out, activation::gelu::<FMA>),
        (Activation::Gelu, _) => tile.finish(sums, out, activation::gelu_rounded::<FMA>),
        (Activation::GeluTanh, _) => tile.finish(sums, out, activation::gelu_tanh::<FMA>),
        (Activation::Relu, _) => tile.finish(sums, out, activation::relu),
        (Activation::Silu, _) => tile.finish(sums, out, activation::silu::<FMA>),
        (Activation::Tanh, _) => tile.finish(sums, out, activation::tanh::<FMA>),
    }
}

impl Tile<'_> {
    #[inline(always)]
    fn finish(&self, sums: &mut Sums, out: &Shared<'_>, activate: impl Fn(f32) -> f32 + Copy) {
        match (self.scaling, self.epilogue.residual) {
            (Scaling::Bytes { .. }, None) => self.rows::<true, false>(sums, out, activate),
            (Scaling::Bytes { .. }, Some(_)) => self.rows::<true, true>(sums, out, activate),
            (_, None) => self.rows::<false, false>(sums, out, activate),
            (_, Some(_)) => self.rows::<false, true>(sums, out, activate),
        }
    }

    #[inline(always)]
    fn rows<const BYTES: bool, const RESIDUAL: bool>(
        &self, sums: &mut Sums, out: &Shared<'_>, activate: impl Fn(f32) -> f32 + Copy,
    ) {
        let first = self.panel * PANEL;
        let width = PANEL.min(self.outputs - first);
        let mut columns = PanelColumns { bias: [0.0; PANEL], scales: [0.0; PANEL], sums: [0; PANEL] };
        columns.bias[..width].copy_from_slice(&self.epilogue.bias[first..first + width]);
        if let Scaling::Bytes { scales, sums, .. } = self.scaling {
            columns.scales.copy_from_slice(scales);
            columns.sums.copy_from_slice(sums);
        }
        for (row, sums) in sums.0[..self.height].iter().enumerate() {
            let scale = match self.scaling {
                Scaling::Bytes { rows, .. } => rows[row],
                _ => RowScale::default(),
            };
            let start = (self.first + row) * self.outputs + first;
            let residual = self.epilogue.residual.map_or(&[][..], |residual| &residual[start..start + width]);
            // SAFETY: each column belongs to one panel, and each panel to one part.
            let out = unsafe { out.segment(start, width) };
            if width == PANEL {
                let (Ok(residual), Ok(out)) = (residual.try_into().or(Ok::<_, ()>(&ZEROS)), out.try_into()) else {
                    continue;
                };
                columns.row::<BYTES, RESIDUAL>(sums, scale, residual, out, activate);
            } else {
                let (mut padded, mut finished) = (ZEROS, ZEROS);
                padded[..residual.len()].copy_from_slice(residual);
                columns.row::<BYTES, RESIDUAL>(sums, scale, &padded, &mut finished, activate);
                out.copy_from_slice(&finished[..width]);
            }
        }
    }
}

const ZEROS: [f32; PANEL] = [0.0; PANEL];

/// What each column of a panel brings.
struct PanelColumns {
    bias: [f32; PANEL],
    scales: [f32; PANEL],
    sums: [i32; PANEL],
}

impl PanelColumns {
    /// In one loop over references of which the compiler knows that nothing else writes there: it becomes vectors.
    #[inline(always)]
    fn row<const BYTES: bool, const RESIDUAL: bool>(
        &self, sums: &[f32; PANEL], scale: RowScale, residual: &[f32; PANEL], out: &mut [f32; PANEL],
        activate: impl Fn(f32) -> f32,
    ) {
        for lane in 0..PANEL {
            let sum = if BYTES {
                let sum = sums[lane].to_bits().cast_signed().wrapping_sub(scale.zero.wrapping_mul(self.sums[lane]));
                sum as f32 * (scale.scale * self.scales[lane])
            } else {
                sums[lane]
            };
            let value = activate(sum + self.bias[lane]);
            out[lane] = if RESIDUAL { value + residual[lane] } else { value };
        }
    }
}
