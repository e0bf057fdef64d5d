//! Attention that depends on the distance of tokens: what it adds to their scores, and how far a token sees.

use std::cell::RefCell;
use std::ops::Range;

use riverrun_runner::Compute;

use super::attention::{Heads, grow};
use super::cpu::{Cpu, by_level};
use super::distance::{Disentangled, DistanceBias};
use super::packed::PANEL;
use super::shared::Shared;
use super::softmax::softmax;
use super::tile::{self, Ahead, ROWS, Rows, Sums};

/// What is added to the scores of queries and keys.
#[derive(Debug, Clone, Copy)]
pub enum ScoreBias<'a> {
    /// Nothing.
    None,
    /// A number for each head and distance, after the scale.
    Distance(&'a DistanceBias),
    /// DeBERTa's products with positions, before the scale.
    Disentangled(&'a Disentangled),
}

/// Attention of the sequences of a packed batch, with distances.
#[derive(Debug, Clone, Copy)]
pub struct RelativeAttention<'a> {
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
    /// One query per sequence, its token at this place; otherwise one per token.
    pub chosen: Option<&'a [usize]>,
    /// What the products are multiplied by.
    pub scale: f32,
    /// What the distance adds.
    pub bias: ScoreBias<'a>,
    /// How far a token sees in each direction; to both ends if there is no limit.
    pub reach: Option<usize>,
}

/// Working memory of a thread, kept from call to call.
#[derive(Default)]
struct Scratch {
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
    /// Queries times positions, `[tile rows, buckets]`.
    asked: Vec<f32>,
    /// Keys times positions, `[tokens, buckets]`.
    offered: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl RelativeAttention<'_> {
    /// Writes every query's mix of the values to `out`, `[query rows, heads · size]`.
    pub fn run(&self, cpu: Cpu, out: &mut [f32], compute: &Compute) {
        let sequences = self.offsets.len().saturating_sub(1);
        let queries = self.chosen.map_or(self.offsets.last().map_or(0, |&end| end), <[usize]>::len);
        assert!(self.chosen.is_none_or(|chosen| chosen.len() == sequences), "each sequence has a query");
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
        let length = tokens.len();
        let (first_row, rows) = match self.chosen {
            Some(_) => (sequence, 1),
            None => (tokens.start, length),
        };
        let place = |row: usize| self.chosen.map_or(row, |chosen| chosen[sequence]);
        self.keys.pack_keys(&tokens, head, self.size, &mut scratch.keys);
        self.values.pack_values(&tokens, head, self.size, &mut scratch.values);
        let buckets = self.bucket_panels(length);
        if let ScoreBias::Disentangled(positions) = self.bias
            && let Some(matrix) = positions.queries.get(head)
        {
            let keys = |row: usize, height: usize| Rows {
                data: self.keys.at(tokens.start + row, head, self.size),
                stride: self.keys.stride,
                count: height,
                ahead: Ahead::ThisPanel,
            };
            grow(&mut scratch.offered, length * buckets.len() * PANEL);
            for (row, height) in tile::heights(length) {
                let width = buckets.len() * PANEL;
                multiply_panels(cpu, keys(row, height), matrix, &buckets, &mut scratch.offered[row * width..]);
            }
        }
        let mut sums = Sums::new();
        for (first, height) in tile::heights(rows) {
            let queries = Rows {
                data: self.queries.at(first_row + first, head, self.size),
                stride: self.queries.stride,
                count: height,
                ahead: Ahead::ThisPanel,
            };
            // All keys that some query of the tile sees.
            let seen = self.seen(place(first), length).start..self.seen(place(first + height - 1), length).end;
            let panels = seen.start / PANEL..seen.end.div_ceil(PANEL);
            let width = panels.len() * PANEL;
            let origin = panels.start * PANEL;
            grow(&mut scratch.scores, ROWS * width);
            for panel in panels.clone() {
                let keys = &scratch.keys[panel * self.size * PANEL..][..self.size * PANEL];
                tile::multiply(cpu, &queries, keys, &mut sums);
                for (row, sums) in sums.0[..height].iter().enumerate() {
                    scratch.scores[row * width + (panel - panels.start) * PANEL..][..PANEL].copy_from_slice(sums);
                }
            }
            if let ScoreBias::Disentangled(positions) = self.bias
                && let Some(matrix) = positions.keys.get(head)
            {
                grow(&mut scratch.asked, ROWS * buckets.len() * PANEL);
                multiply_panels(cpu, queries, matrix, &buckets, &mut scratch.asked);
            }
            for row in 0..height {
                let scores = &mut scratch.scores[row * width..(row + 1) * width];
                let query = place(first + row);
                match self.bias {
                    ScoreBias::None => {}
                    ScoreBias::Distance(bias) => {
                        let scores = &mut scores[seen.start - origin..seen.end - origin];
                        add(cpu, self.scale, &bias.row(head, query, seen.end)[seen.start..], scores);
                    }
                    ScoreBias::Disentangled(positions) => {
                        let stride = buckets.len() * PANEL;
                        let asked = positions.keys.get(head).map(|_| &scratch.asked[row * stride..(row + 1) * stride]);
                        let offered = positions.queries.get(head).map(|_| scratch.offered.as_slice());
                        // Without a reach, as DeBERTa is, the first score is the first key's.
                        let columns = positions.buckets(query, length).map(|bucket| bucket - buckets.start * PANEL);
                        for (key, (score, column)) in scores.iter_mut().zip(columns).enumerate() {
                            let asked = asked.map_or(0.0, |asked| asked[column]);
                            let offered = offered.map_or(0.0, |offered| offered[key * stride + column]);
                            *score += asked + offered;
                        }
                    }
                }
                let scale = if matches!(self.bias, ScoreBias::Distance(_)) { 1.0 } else { self.scale };
                let own = self.seen(query, length);
                scores[seen.start - origin..own.start - origin].fill(0.0);
                scores[own.end - origin..seen.end - origin].fill(0.0);
                softmax(cpu, &mut scores[own.start - origin..own.end - origin], scale);
            }
            // What a query does not see counts nothing: zeros before and behind leave the sum as it is, to the bit.
            let rows = Rows {
                data: &scratch.scores[seen.start - origin..],
                stride: width,
                count: height,
                ahead: Ahead::ThisPanel,
            };
            for panel in 0..self.size.div_ceil(PANEL) {
                let values = &scratch.values[(panel * length + seen.start) * PANEL..][..seen.len() * PANEL];
                tile::multiply(cpu, &rows, values, &mut sums);
                let columns = PANEL.min(self.size - panel * PANEL);
                for (row, sums) in sums.0[..height].iter().enumerate() {
                    let start = ((first_row + first + row) * self.heads + head) * self.size + panel * PANEL;
                    // SAFETY: a query's elements of one head belong to one unit, and a unit to one part.
                    unsafe { out.segment(start, columns) }.copy_from_slice(&sums[..columns]);
                }
            }
        }
    }

    /// The keys that the query at `place` sees.
    fn seen(&self, place: usize, length: usize) -> Range<usize> {
        match self.reach {
            None => 0..length,
            Some(reach) => place.saturating_sub(reach)..length.min(place + reach + 1),
        }
    }

    /// The panels of positions that a sequence of this length needs.
    fn bucket_panels(&self, length: usize) -> Range<usize> {
        match self.bias {
            ScoreBias::Disentangled(positions) => {
                let (low, high) = positions.range(length);
                low / PANEL..high / PANEL + 1
            }
            _ => 0..0,
        }
    }
}

by_level! {
    /// `scores · scale + bias`.
    fn add(scale: f32, bias: &[f32], scores: &mut [f32]) = add_lanes
}

#[inline(always)]
fn add_lanes<const FMA: bool>(scale: f32, bias: &[f32], scores: &mut [f32]) {
    for (score, bias) in scores.iter_mut().zip(bias) {
        *score = super::lanes::mul_add::<FMA>(*score, scale, *bias);
    }
}

/// Writes `rows · matrix` to `out`, `[rows, 32 · panels]`.
fn multiply_panels(
    cpu: Cpu, rows: Rows<'_>, matrix: &super::packed::PackedMatrix, panels: &Range<usize>, out: &mut [f32],
) {
    let mut sums = Sums::new();
    for panel in panels.clone() {
        tile::multiply(cpu, &rows, matrix.panel(panel), &mut sums);
        for (row, sums) in sums.0[..rows.count].iter().enumerate() {
            out[(row * panels.len() + panel - panels.start) * PANEL..][..PANEL].copy_from_slice(sums);
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

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    const SEQUENCES: [usize; 5] = [0, 1, 41, 104, 120];
    const HEADS: usize = 3;
    const SIZE: usize = 10;
    const HIDDEN: usize = HEADS * SIZE;

    /// Runs it for every token and for a chosen one per sequence, and compares with f64; `score` is that of places, after the scale.
    fn check(bias: ScoreBias<'_>, reach: Option<usize>, score: impl Fn(usize, usize, usize, usize, usize) -> f64) {
        let tokens = SEQUENCES[4];
        let qkv = numbers(tokens * 3 * HIDDEN, 3);
        let view = |part: usize| Heads { data: &qkv, start: part * HIDDEN, stride: 3 * HIDDEN };
        let row = |part: usize, row: usize, head: usize| &qkv[row * 3 * HIDDEN + part * HIDDEN + head * SIZE..][..SIZE];
        for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
            let attention = RelativeAttention {
                queries: view(0),
                keys: view(1),
                values: view(2),
                heads: HEADS,
                size: SIZE,
                offsets: &SEQUENCES,
                chosen: None,
                scale: 0.25,
                bias,
                reach,
            };
            let mut out = vec![f32::NAN; tokens * HIDDEN];
            attention.run(cpu, &mut out, &Compute::single());

            for sequence in SEQUENCES.windows(2) {
                let length = sequence[1] - sequence[0];
                for (head, query) in (0..HEADS).flat_map(|head| (0..length).map(move |query| (head, query))) {
                    let seen = |key: usize| reach.is_none_or(|reach| key.abs_diff(query) <= reach);
                    let weights: Vec<f64> = (0..length)
                        .map(|key| {
                            let product = dot(row(0, sequence[0] + query, head), row(1, sequence[0] + key, head));
                            if seen(key) {
                                (product * 0.25 + score(head, sequence[0], query, key, length)).exp()
                            } else {
                                0.0
                            }
                        })
                        .collect();
                    let sum: f64 = weights.iter().sum();
                    for element in 0..SIZE {
                        let exact: f64 = (0..length)
                            .map(|key| weights[key] / sum * f64::from(row(2, sequence[0] + key, head)[element]))
                            .sum();
                        let got = out[(sequence[0] + query) * HIDDEN + head * SIZE + element];
                        assert!(
                            (f64::from(got) - exact).abs() < 1e-5,
                            "{cpu:?} {query} of {length}: {got} for {exact}"
                        );
                    }
                }
            }

            let chosen = [0, 39, 20, 3];
            let queries: Vec<f32> = (0..4)
                .flat_map(|sequence| (0..HEADS).flat_map(move |head| [(sequence, head)]))
                .flat_map(|(sequence, head)| row(0, SEQUENCES[sequence] + chosen[sequence], head).to_vec())
                .collect();
            let queries = Heads { data: &queries, start: 0, stride: HIDDEN };
            let mut few = vec![f32::NAN; 4 * HIDDEN];
            RelativeAttention { queries, chosen: Some(&chosen), ..attention }.run(cpu, &mut few, &Compute::single());
            for sequence in 0..4 {
                let token = SEQUENCES[sequence] + chosen[sequence];
                assert_eq!(few[sequence * HIDDEN..][..HIDDEN], out[token * HIDDEN..][..HIDDEN], "{cpu:?}");
            }
        }
    }

    #[test]
    fn a_token_sees_no_farther_than_its_reach() {
        for reach in [0, 1, 5, 40, 200] {
            check(ScoreBias::None, Some(reach), |_, _, _, _, _| 0.0);
        }
    }

    #[test]
    fn a_bias_by_distance_is_added_after_the_scale() {
        let of = |head: usize, distance: isize| (head as f32 + 1.0) * (distance % 7) as f32 / 10.0;
        let bias = DistanceBias::new(HEADS, 70, of);
        let score = |head, _, query, key, _| f64::from(of(head, key as isize - query as isize));

        check(ScoreBias::Distance(&bias), None, score);
        check(ScoreBias::Distance(&bias), Some(9), score);
    }

    #[test]
    fn disentangled_attention_adds_products_with_positions_both_ways() {
        let tokens = SEQUENCES[4];
        let qkv = numbers(tokens * 3 * HIDDEN, 3);
        let row = |part: usize, row: usize, head: usize| &qkv[row * 3 * HIDDEN + part * HIDDEN + head * SIZE..][..SIZE];
        let (keys, queries) = (numbers(100 * HIDDEN, 5), numbers(100 * HIDDEN, 6));
        let bucket = |distance: isize| (distance + 50).clamp(0, 99) as usize;
        for (to_position, from_position) in [(true, true), (true, false), (false, true)] {
            let positions = Disentangled::new(
                to_position.then_some(keys.as_slice()),
                from_position.then_some(queries.as_slice()),
                HEADS,
                SIZE,
                70,
                bucket,
            );
            check(ScoreBias::Disentangled(&positions), None, |head, first, query, key, _| {
                let bucket = bucket(query as isize - key as isize);
                let at = |rows: &[f32]| rows[bucket * HIDDEN + head * SIZE..][..SIZE].to_vec();
                let asked = if to_position { dot(row(0, first + query, head), &at(&keys)) } else { 0.0 };
                let offered = if from_position { dot(row(1, first + key, head), &at(&queries)) } else { 0.0 };
                (asked + offered) * 0.25
            });
        }
    }
}
