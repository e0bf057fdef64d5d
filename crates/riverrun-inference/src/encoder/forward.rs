//! From tokens to logits.

use std::ops::Range;

use riverrun_runner::Compute;

use super::Encoder;
use super::layer::{Layer, Projection};
use crate::backend::PackedBatch;
use crate::kernels::{Activation, Attention, Heads, layer_norm};

/// Working memory of one batch at a time, kept from batch to batch.
#[derive(Default)]
pub(super) struct Scratch {
    offsets: Vec<usize>,
    hidden: Vec<f32>,
    projected: Vec<f32>,
    queries: Vec<f32>,
    context: Vec<f32>,
    attended: Vec<f32>,
    intermediate: Vec<f32>,
}

impl Encoder {
    /// The logits of the texts of `batch` in `sequences`.
    pub(super) fn forward(
        &self, batch: &PackedBatch, sequences: Range<usize>, scratch: &mut Scratch, logits: &mut [f32],
        compute: &Compute,
    ) {
        let first = batch.offsets()[sequences.start];
        scratch.offsets.clear();
        scratch.offsets.extend(batch.offsets()[sequences.start..=sequences.end].iter().map(|offset| offset - first));
        self.embed(batch, first, scratch);
        for layer in &self.layers {
            self.layer(layer, scratch, compute);
        }
        // The last layer has left one row per text.
        let pooled = sized(&mut scratch.attended, scratch.hidden.len());
        self.pooler.forward(self.cpu, &scratch.hidden, self.pooler_activation, None, pooled, compute);
        self.classifier.forward(self.cpu, pooled, Activation::Identity, None, logits, compute);
    }

    fn embed(&self, batch: &PackedBatch, first: usize, scratch: &mut Scratch) {
        let width = self.config.hidden;
        let tokens = scratch.offsets.last().map_or(0, |&end| end);
        let rows = sized(&mut scratch.hidden, tokens * width);
        for text in scratch.offsets.windows(2) {
            for token in text[0]..text[1] {
                let row = &mut rows[token * width..][..width];
                let word = &self.words[batch.ids()[first + token] as usize * width..][..width];
                let position = &self.positions[(token - text[0]) * width..][..width];
                if self.types.is_empty() {
                    for ((row, word), position) in row.iter_mut().zip(word).zip(position) {
                        *row = word + position;
                    }
                } else {
                    let kind = &self.types[batch.type_ids()[first + token] as usize * width..][..width];
                    for (((row, word), position), kind) in row.iter_mut().zip(word).zip(position).zip(kind) {
                        *row = word + kind + position;
                    }
                }
            }
        }
        layer_norm(self.cpu, &self.norm, rows);
    }

    fn layer(&self, layer: &Layer, scratch: &mut Scratch, compute: &Compute) {
        let width = self.config.hidden;
        let (heads, size) = (self.config.heads, width / self.config.heads);
        let tokens = scratch.hidden.len() / width;
        let offsets = &scratch.offsets;
        match &layer.projection {
            Projection::EveryToken(projection) => {
                let projected = sized(&mut scratch.projected, tokens * 3 * width);
                projection.forward(self.cpu, &scratch.hidden, Activation::Identity, None, projected, compute);
                let part = |part: usize| Heads { data: &*projected, start: part * width, stride: 3 * width };
                let (queries, keys, values) = (part(0), part(1), part(2));
                let context = sized(&mut scratch.context, tokens * width);
                Attention { queries, keys, values, heads, size, offsets, first_token_only: false }
                    .run(self.cpu, context, compute);
            }
            Projection::FirstToken { query, key_value } => {
                let projected = sized(&mut scratch.projected, tokens * 2 * width);
                key_value.forward(self.cpu, &scratch.hidden, Activation::Identity, None, projected, compute);
                let sequences = offsets.len() - 1;
                for (sequence, &token) in offsets[..sequences].iter().enumerate() {
                    scratch.hidden.copy_within(token * width..(token + 1) * width, sequence * width);
                }
                scratch.hidden.truncate(sequences * width);
                let asked = sized(&mut scratch.queries, sequences * width);
                query.forward(self.cpu, &scratch.hidden, Activation::Identity, None, asked, compute);
                let queries = Heads { data: &*asked, start: 0, stride: width };
                let part = |part: usize| Heads { data: &*projected, start: part * width, stride: 2 * width };
                let (keys, values) = (part(0), part(1));
                let context = sized(&mut scratch.context, sequences * width);
                Attention { queries, keys, values, heads, size, offsets, first_token_only: true }
                    .run(self.cpu, context, compute);
            }
        }
        let rows = scratch.hidden.len() / width;
        let hidden = &mut scratch.hidden;
        let attended = sized(&mut scratch.attended, rows * width);
        layer.attention_out.forward(self.cpu, &scratch.context, Activation::Identity, Some(hidden), attended, compute);
        layer_norm(self.cpu, &layer.attention_norm, attended);
        let intermediate = sized(&mut scratch.intermediate, rows * self.config.intermediate);
        layer.up.forward(self.cpu, attended, self.config.activation, None, intermediate, compute);
        layer.down.forward(self.cpu, intermediate, Activation::Identity, Some(attended), hidden, compute);
        layer_norm(self.cpu, &layer.out_norm, hidden);
    }
}

/// The buffer as a matrix of `len` elements, whose values are left over from before.
fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    buffer.resize(len, 0.0);
    buffer
}
