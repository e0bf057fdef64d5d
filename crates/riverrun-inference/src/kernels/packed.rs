//! Weights in the order in which the product reads them.

use super::pages::{Line, Lines};
use super::rotation::block_of;
use super::round::Bf16;

/// Columns in a panel: two registers of AVX-512, four of AVX2.
pub(super) const PANEL: usize = 32;

/// The words of one row of one tile of AMX, to whose multiple half-length floats and bytes are padded.
pub(super) const WORDS: usize = 16;

/// Columns in panels of 32, each panel row by row; the last is padded with zeros.
///
/// An element is a word of four bytes: one number, or two or four that follow each other in a column. So one row of a matrix
/// is multiplied a word at a time, whatever its numbers are.
#[derive(Debug)]
pub(super) struct Panels {
    lines: Lines,
    depth: usize,
}

impl Panels {
    /// `depth` words to a column.
    fn of(depth: usize, columns: usize, next: &mut Next<'_>) -> Self {
        Self { lines: next(columns.div_ceil(PANEL) * depth * (PANEL / 16)), depth }
    }

    /// The words of `column`, to be set.
    pub(super) fn column(&mut self, column: usize) -> impl Iterator<Item = &mut u32> {
        let (panel, column) = (column / PANEL, column % PANEL);
        let (line, lane) = (column / 16, column % 16);
        let start = panel * self.depth * (PANEL / 16);
        let lines = self.lines[start..start + self.depth * (PANEL / 16)].iter_mut();
        lines.skip(line).step_by(PANEL / 16).map(move |line| &mut line.0[lane])
    }

    /// `[depth, 32]`, row by row.
    pub(super) fn panel(&self, panel: usize) -> &[u32] {
        let lines = self.depth * (PANEL / 16);
        flat(&self.lines[panel * lines..(panel + 1) * lines])
    }
}

/// Where a matrix has its lines from, so many at a time: zeros, or what [`lines`](PackedMatrix::lines) of an equal one were.
pub(crate) type Next<'a> = dyn FnMut(usize) -> Lines + 'a;

/// A matrix `[inputs, outputs]` of floats.
#[derive(Debug)]
pub struct PackedMatrix {
    panels: Panels,
    inputs: usize,
    outputs: usize,
}

impl PackedMatrix {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self::of(inputs, outputs, &mut Lines::zeros)
    }

    /// A matrix of these lines.
    pub(crate) fn of(inputs: usize, outputs: usize, next: &mut Next<'_>) -> Self {
        Self { panels: Panels::of(inputs, outputs, next), inputs, outputs }
    }

    /// What it is made of.
    pub(crate) fn lines(&self) -> [&Lines; 1] {
        [&self.panels.lines]
    }

    /// The matrix of a linear layer, whose `weight` is `[outputs, inputs]` as checkpoints have it.
    #[must_use]
    pub fn from_weight(weight: &[f32], inputs: usize) -> Self {
        let outputs = weight.len().checked_div(inputs).unwrap_or(0);
        let mut packed = Self::zeros(inputs, outputs);
        packed.set_columns(0, weight);
        packed
    }

    /// Sets the columns from `first` on to the rows of `weight`, `[columns, inputs]`: joins several layers into one.
    pub fn set_columns(&mut self, first: usize, weight: &[f32]) {
        for (column, values) in (first..).zip(weight.chunks_exact(self.inputs.max(1))) {
            assert!(column < self.outputs, "a column lies inside its matrix");
            for (word, value) in self.panels.column(column).zip(values) {
                *word = value.to_bits();
            }
        }
    }

    /// Rows of the matrix: the size of a row that is multiplied with it.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Columns of the matrix: the size of a row of the product.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `[inputs, 32]`, row by row.
    pub(super) fn panel(&self, panel: usize) -> &[f32] {
        bytemuck::cast_slice(self.panels.panel(panel))
    }
}

/// A matrix `[inputs, outputs]` of half-length floats, in pairs.
#[derive(Debug)]
pub struct Bf16Matrix {
    panels: Panels,
    inputs: usize,
    outputs: usize,
}

impl Bf16Matrix {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self::of(inputs, outputs, &mut Lines::zeros)
    }

    /// A matrix of these lines.
    pub(crate) fn of(inputs: usize, outputs: usize, next: &mut Next<'_>) -> Self {
        Self { panels: Panels::of(inputs.div_ceil(2).next_multiple_of(WORDS), outputs, next), inputs, outputs }
    }

    /// What it is made of.
    pub(crate) fn lines(&self) -> [&Lines; 1] {
        [&self.panels.lines]
    }

    /// Sets the columns from `first` on to the rows of `weight`, `[columns, inputs]`, each rounded to the nearest.
    pub fn set_columns(&mut self, first: usize, weight: &[f32]) {
        for (column, values) in (first..).zip(weight.chunks_exact(self.inputs.max(1))) {
            assert!(column < self.outputs, "a column lies inside its matrix");
            for (word, pair) in self.panels.column(column).zip(values.chunks(2)) {
                let high = pair.get(1).copied().unwrap_or(0.0);
                *word = u32::from(Bf16::nearest(pair[0])) | u32::from(Bf16::nearest(high)) << 16;
            }
        }
    }

    /// Rows of the matrix: the size of a row that is multiplied with it.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Columns of the matrix: the size of a row of the product.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) fn panels(&self) -> &Panels {
        &self.panels
    }
}

/// A matrix `[inputs, outputs]` of bytes, four to a word, with one factor per column: `value = byte · factor`.
#[derive(Debug)]
pub struct Int8Matrix {
    panels: Panels,
    inputs: usize,
    outputs: usize,
    /// Floats, padded to whole panels, as the sums are.
    scales: Lines,
    /// Elements of a row that are mixed with each other before it is rounded; 1 where it is not turned.
    block: usize,
    turned: bool,
    /// The sum of a column's bytes, with which the zero point of a row is taken off.
    sums: Lines,
}

impl Int8Matrix {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self::of(inputs, outputs, false, &mut Lines::zeros)
    }

    /// A matrix of these lines, [turned](Self::turned) or not.
    pub(crate) fn of(inputs: usize, outputs: usize, turned: bool, next: &mut Next<'_>) -> Self {
        let panels = Panels::of(inputs.div_ceil(4).next_multiple_of(WORDS), outputs, next);
        let padded = outputs.div_ceil(PANEL) * (PANEL / 16);
        let (scales, sums) = (next(padded), next(padded));
        Self { panels, inputs, outputs, scales, block: if turned { block_of(inputs) } else { 1 }, turned, sums }
    }

    /// What it is made of.
    pub(crate) fn lines(&self) -> [&Lines; 3] {
        [&self.panels.lines, &self.scales, &self.sums]
    }

    /// A matrix of zeros for weights that are [turned](super::turn_weights): so are the rows that it is multiplied with.
    #[must_use]
    pub fn turned(inputs: usize, outputs: usize) -> Self {
        Self::of(inputs, outputs, true, &mut Lines::zeros)
    }

    /// Sets the columns from `first` on to the rows of `weight`, `[columns, inputs]`, with a factor for each.
    pub fn set_columns(&mut self, first: usize, weight: &[i8], scales: &[f32]) {
        let columns = weight.chunks_exact(self.inputs.max(1)).zip(scales);
        let own_scales: &mut [f32] = bytemuck::cast_slice_mut(flat_mut(&mut self.scales));
        let sums: &mut [i32] = bytemuck::cast_slice_mut(flat_mut(&mut self.sums));
        for (column, (values, &scale)) in (first..).zip(columns) {
            assert!(column < self.outputs, "a column lies inside its matrix");
            own_scales[column] = scale;
            sums[column] = values.iter().map(|&value| i32::from(value)).sum();
            for (word, four) in self.panels.column(column).zip(values.chunks(4)) {
                let byte = |index: usize| four.get(index).copied().unwrap_or(0);
                *word = u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)].map(i8::cast_unsigned));
            }
        }
    }

    /// Rows of the matrix: the size of a row that is multiplied with it.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Columns of the matrix: the size of a row of the product.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) fn panels(&self) -> &Panels {
        &self.panels
    }

    pub(crate) fn is_turned(&self) -> bool {
        self.turned
    }

    pub(super) fn block(&self) -> usize {
        self.block
    }

    /// The factors of a panel's columns, and the sums of their bytes.
    pub(super) fn columns(&self, panel: usize) -> (&[f32], &[i32]) {
        let columns = panel * PANEL..(panel + 1) * PANEL;
        let (scales, sums) = (flat(&self.scales), flat(&self.sums));
        (bytemuck::cast_slice(&scales[columns.clone()]), bytemuck::cast_slice(&sums[columns]))
    }
}

fn flat(lines: &[Line]) -> &[u32] {
    // SAFETY: a `Line` is 16 words without padding, so the same memory holds 16 times as many words.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * 16) }
}

fn flat_mut(lines: &mut [Line]) -> &mut [u32] {
    // SAFETY: as in `flat`.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * 16) }
}
