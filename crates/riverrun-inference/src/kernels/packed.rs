//! Weights in the order in which the product reads them.

/// Columns in a panel: two registers of AVX-512, four of AVX2.
pub(super) const PANEL: usize = 32;

/// One line of the cache, so that a load of a register never straddles two.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// A matrix `[inputs, outputs]` in panels of 32 columns, each panel row by row; the last is padded with zeros.
#[derive(Debug)]
pub struct PackedMatrix {
    lines: Vec<Line>,
    inputs: usize,
    outputs: usize,
}

impl PackedMatrix {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        let lines = vec![Line([0.0; 16]); outputs.div_ceil(PANEL) * inputs * (PANEL / 16)];
        Self { lines, inputs, outputs }
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
        for (row, values) in weight.chunks_exact(self.inputs.max(1)).enumerate() {
            let column = first + row;
            assert!(column < self.outputs, "a column lies inside its matrix");
            let (panel, column) = (column / PANEL, column % PANEL);
            let (line, lane) = (column / 16, column % 16);
            let start = panel * self.inputs * (PANEL / 16);
            for (input, &value) in values.iter().enumerate() {
                self.lines[start + input * (PANEL / 16) + line].0[lane] = value;
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

    pub(super) fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// `[inputs, 32]`, row by row.
    pub(super) fn panel(&self, panel: usize) -> &[f32] {
        let lines = self.inputs * (PANEL / 16);
        flat(&self.lines[panel * lines..(panel + 1) * lines])
    }
}

fn flat(lines: &[Line]) -> &[f32] {
    // SAFETY: a `Line` is 16 floats without padding, so the same memory holds 16 times as many floats.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * 16) }
}
