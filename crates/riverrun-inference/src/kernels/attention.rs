//! Attention, one sequence and one head at a time.

use std::cell::RefCell;
use std::ops::Range;

use riverrun_runner::Compute;

use super::cpu::Cpu;
use super::packed::PANEL;
use super::shared::Shared;
use super::softmax::softmax_rows;
use super::tile::{self, Ahead, ROWS, Rows, Sums};

/// Where the heads of every row stand in a matrix: `size` elements each, side by side from `start` on.
#[derive(Debug, Clone, Copy)]
pub struct Heads<'a> {
    /// The matrix, row by row.
    pub data: &'a [f32],
    /// The first element of the first head within a row.
    pub start: usize,
    /// Elements of a row.
    pub stride: usize,
}

impl<'a> Heads<'a> {
    /// The elements from `head`'s first in `row` on.
    pub(super) fn at(&self, row: usize, head: usize, size: usize) -> &'a [f32] {
        &self.data[row * self.stride + self.start + head * size..]
    }

    /// `head`'s elements of the rows as keys: panels of `[size, 32 keys]`. The last is padded with whatever was there: its scores
    /// are never read.
    pub(super) fn pack_keys(&self, rows: &Range<usize>, head: usize, size: usize, packed: &mut Vec<f32>) {
        grow(packed, rows.len().next_multiple_of(PANEL) * size);
        for (index, row) in rows.clone().enumerate() {
            let start = index / PANEL * PANEL * size + index % PANEL;
            let key = &self.at(row, head, size)[..size];
            for (&element, packed) in key.iter().zip(packed[start..].iter_mut().step_by(PANEL)) {
                *packed = element;
            }
        }
    }

    /// `head`'s elements of the rows as values: panels of `[rows, 32 elements]`. The last is padded with whatever was there: its
    /// sums are never read.
    pub(super) fn pack_values(&self, rows: &Range<usize>, head: usize, size: usize, packed: &mut Vec<f32>) {
        grow(packed, rows.len() * size.next_multiple_of(PANEL));
        for (index, row) in rows.clone().enumerate() {
            let value = &self.at(row, head, size)[..size];
            for (panel, elements) in value.chunks(PANEL).enumerate() {
                let start = (panel * rows.len() + index) * PANEL;
                packed[start..start + elements.len()].copy_from_slice(elements);
            }
        }
    }
}

/// Attention of the sequences of a packed batch.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// The queries, `[query rows, heads · size]`.
    pub queries: Heads<'a>,
    /// The keys, `[tokens, heads · size]`.
    pub keys: Heads<'a>,
    /// The values, `[tokens, heads · size]`.
    pub values: Heads<'a>,
    /// How many heads there are.
    pub heads: usize,
    /// Elements of a head.
    pub size: usize,
    /// Where each sequence begins among the tokens; the last entry is where the last one ends.
    pub offsets: &'a [usize],
    /// One query per sequence, its first token's; otherwise one per token.
    pub first_token_only: bool,
}

/// Working memory of a thread, kept from call to call.
struct Scratch {
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
    sums: Sums,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> =
        const { RefCell::new(Scratch { keys: Vec::new(), values: Vec::new(), scores: Vec::new(), sums: Sums::new() }) };
}

impl Attention<'_> {
    /// Writes every query's mix of the values to `out`, `[query rows, heads · size]`.
    pub fn run(&self, cpu: Cpu, out: &mut [f32], compute: &Compute) {
        let sequences = self.offsets.len().saturating_sub(1);
        let queries = if self.first_token_only { sequences } else { self.offsets.last().map_or(0, |&end| end) };
        assert_eq!(out.len(), queries * self.heads * self.size, "the output has a row per query");
        let units = sequences * self.heads;
        let parts = if compute.threads() <= 1 { 1.min(units) } else { units.min(compute.threads() * 3) };
        let out = Shared::new(out);
        compute.parallel(parts, &|part| {
            SCRATCH.with_borrow_mut(|scratch| {
                for unit in part * units / parts..(part + 1) * units / parts {
                    self.unit(cpu, unit / self.heads, unit % self.heads, scratch, &out);
                }
            });
        });
    }

    fn unit(&self, cpu: Cpu, sequence: usize, head: usize, scratch: &mut Scratch, out: &Shared<'_>) {
        let tokens = self.offsets[sequence]..self.offsets[sequence + 1];
        let queries = if self.first_token_only { sequence..sequence + 1 } else { tokens.clone() };
        self.keys.pack_keys(&tokens, head, self.size, &mut scratch.keys);
        self.values.pack_values(&tokens, head, self.size, &mut scratch.values);
        let width = tokens.len().next_multiple_of(PANEL);
        grow(&mut scratch.scores, ROWS * width);
        let scale = 1.0 / (self.size as f32).sqrt();
        let sums = &mut scratch.sums;
        let ahead = Ahead::ThisPanel;

        for (first, height) in tile::heights(queries.len()) {
            let first = queries.start + first;
            let rows = Rows {
                data: self.queries.at(first, head, self.size),
                stride: self.queries.stride,
                count: height,
                ahead,
            };
            let key_panels = scratch.keys.chunks_exact((self.size * PANEL).max(1)).take(width / PANEL);
            for (panel, keys) in key_panels.enumerate() {
                tile::multiply(cpu, &rows, keys, sums);
                for (row, sums) in sums.0[..height].iter().enumerate() {
                    scratch.scores[row * width + panel * PANEL..][..PANEL].copy_from_slice(sums);
                }
            }
            softmax_rows(cpu, &mut scratch.scores[..height * width], width, tokens.len(), scale);
            let rows = Rows { data: &scratch.scores, stride: width, count: height, ahead };
            let value_panels = scratch.values.chunks_exact(tokens.len() * PANEL).take(self.size.div_ceil(PANEL));
            for (panel, values) in value_panels.enumerate() {
                tile::multiply(cpu, &rows, values, sums);
                let columns = PANEL.min(self.size - panel * PANEL);
                for (row, sums) in sums.0[..height].iter().enumerate() {
                    let start = ((first + row) * self.heads + head) * self.size + panel * PANEL;
                    // SAFETY: a query's elements of one head belong to one unit, and a unit to one part.
                    unsafe { out.segment(start, columns) }.copy_from_slice(&sums[..columns]);
                }
            }
        }
    }
}

/// Makes the buffer at least so long; what is in it stays.
pub(super) fn grow(buffer: &mut Vec<f32>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::CpuLevel;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| (((i * 7_919 + seed * 104_729) % 1_009) as f32 / 504.5) - 1.0).collect()
    }

    /// softmax(q · kᵀ / √size) · v in f64.
    fn reference(q: &[f32], k: &[Vec<f32>], v: &[Vec<f32>]) -> Vec<f64> {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
        let scores: Vec<f64> = k.iter().map(|k| (dot(q, k) / (q.len() as f64).sqrt()).exp()).collect();
        let sum: f64 = scores.iter().sum();
        (0..q.len()).map(|i| scores.iter().zip(v).map(|(s, v)| s / sum * f64::from(v[i])).sum()).collect()
    }

    #[test]
    fn it_is_softmax_of_queries_and_keys_times_values() {
        for (heads, size) in [(2usize, 32usize), (3, 5), (1, 64), (2, 40)] {
            let offsets = [0, 1, 41, 74, 90];
            let hidden = heads * size;
            let qkv = numbers(90 * 3 * hidden, heads);
            let part = |row: usize, part: usize, head: usize| {
                qkv[row * 3 * hidden + part * hidden + head * size..][..size].to_vec()
            };
            let view = |part: usize| Heads { data: &qkv, start: part * hidden, stride: 3 * hidden };
            for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
                let attention = Attention {
                    queries: view(0),
                    keys: view(1),
                    values: view(2),
                    heads,
                    size,
                    offsets: &offsets,
                    first_token_only: false,
                };
                let mut out = vec![0.0; 90 * hidden];
                attention.run(cpu, &mut out, &Compute::single());

                for sequence in offsets.windows(2) {
                    for head in 0..heads {
                        let keys: Vec<_> = (sequence[0]..sequence[1]).map(|row| part(row, 1, head)).collect();
                        let values: Vec<_> = (sequence[0]..sequence[1]).map(|row| part(row, 2, head)).collect();
                        for row in sequence[0]..sequence[1] {
                            let exact = reference(&part(row, 0, head), &keys, &values);
                            let got = &out[row * hidden + head * size..][..size];
                            for (&got, exact) in got.iter().zip(exact) {
                                assert!((f64::from(got) - exact).abs() < 3e-6, "{cpu:?} {heads}x{size}");
                            }
                        }
                    }
                }
            }
        }
    }
}
