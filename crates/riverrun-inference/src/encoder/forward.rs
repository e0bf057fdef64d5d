//! From tokens to hidden states and logits.

use std::ops::Range;

use riverrun_runner::Compute;

use super::Encoder;
use super::architecture::Family;
use super::embeddings::Part;
use super::layer::{Distances, Layer, Projection};
use super::positions::scale;
use crate::backend::PackedBatch;
use crate::kernels::{
    Activation, Attention, Cpu, Heads, LayerNorm, RelativeAttention, ScoreBias, gate, layer_norm, rotate,
};

/// Working memory of one batch at a time, kept from batch to batch.
#[derive(Default)]
pub(super) struct Scratch {
    offsets: Vec<usize>,
    /// Each token's place in its text.
    places: Vec<usize>,
    /// The one token of each text that is read, among the tokens, and its place in its text.
    chosen: Vec<usize>,
    chosen_places: Vec<usize>,
    hidden: Vec<f32>,
    /// The embeddings: narrow ones before their projection, then a copy of those that the first layer takes.
    embedded: Vec<f32>,
    normed: Vec<f32>,
    projected: Vec<f32>,
    queries: Vec<f32>,
    context: Vec<f32>,
    attended: Vec<f32>,
    intermediate: Vec<f32>,
    gates: Vec<f32>,
}

/// Which hidden states are read.
#[derive(Clone, Copy)]
pub(super) enum Read<'a> {
    /// All of them.
    Every,
    /// The first token's of each text.
    First,
    /// The mean of each text's tokens.
    Mean,
    /// Those at these places among all tokens of the batch, which ascend.
    Chosen(&'a [usize]),
}

impl Encoder {
    /// Leaves the hidden states of the texts of `batch` in `sequences` that are read in `scratch`, and gives them.
    pub(super) fn hidden<'s>(
        &self, batch: &PackedBatch, sequences: Range<usize>, read: Read<'_>, scratch: &'s mut Scratch,
        compute: &Compute,
    ) -> &'s mut Vec<f32> {
        let first = batch.offsets()[sequences.start];
        scratch.offsets.clear();
        scratch.offsets.extend(batch.offsets()[sequences.start..=sequences.end].iter().map(|offset| offset - first));
        scratch.places.clear();
        scratch.places.extend(scratch.offsets.windows(2).flat_map(|text| 0..text[1] - text[0]));
        let one_each = scratch.choose(read, first);

        let Scratch { offsets, embedded, hidden, .. } = &mut *scratch;
        self.embeddings.forward(self.cpu, Part { batch, first, offsets }, embedded, hidden, compute);
        if self.convolution.is_some() {
            embedded.clone_from(hidden);
        }
        let last = self.layers.steps.len().saturating_sub(1);
        for (step, &layer) in self.layers.steps.iter().enumerate() {
            // Only where nothing between here and the reader needs the other tokens.
            let few = one_each && step == last && (self.convolution.is_none() || step > 0);
            self.layer(&self.layers.layers[layer], few, scratch, compute);
            if step == 0
                && let Some(convolution) = &self.convolution
            {
                let Scratch { offsets, embedded, hidden, projected, .. } = &mut *scratch;
                convolution.forward(self.cpu, embedded, offsets, projected, hidden, compute);
            }
        }
        let tokens = scratch.places.len() * self.config.hidden;
        if scratch.hidden.len() == tokens {
            scratch.pick(read, first, self.config.hidden);
        }
        if let Some(norm) = &self.final_norm {
            layer_norm(self.cpu, norm, &mut scratch.hidden);
        }
        if matches!(read, Read::Mean) {
            scratch.average(self.config.hidden);
        }
        &mut scratch.hidden
    }

    /// One layer; its rows are those of the chosen tokens alone if they are `few`.
    fn layer(&self, layer: &Layer, few: bool, scratch: &mut Scratch, compute: &Compute) {
        let width = self.config.hidden;
        let tokens = scratch.hidden.len() / width;
        let none = Activation::Identity;
        if let Some(norm) = &layer.attention_first_norm {
            normalized(self.cpu, norm, &scratch.hidden, &mut scratch.normed);
        }
        let input =
            if layer.attention_first_norm.is_some() { scratch.normed.as_slice() } else { scratch.hidden.as_slice() };
        match &layer.projection {
            Projection::Joined(projection) => {
                let projected = sized(&mut scratch.projected, tokens * 3 * width);
                projection.forward(self.cpu, input, none, None, projected, compute);
            }
            Projection::Split { query, key_value } => {
                let projected = sized(&mut scratch.projected, tokens * 2 * width);
                key_value.forward(self.cpu, input, none, None, projected, compute);
                let gathered;
                let rows = if few {
                    gathered = gather(input, &scratch.chosen, width);
                    gathered.as_slice()
                } else {
                    input
                };
                let queries = sized(&mut scratch.queries, rows.len());
                query.forward(self.cpu, rows, none, None, queries, compute);
            }
        }
        // Of a joined projection every token asks, so the few are picked behind the layer.
        let few = few && matches!(layer.projection, Projection::Split { .. });
        if few {
            let rows = gather(&scratch.hidden, &scratch.chosen, width);
            scratch.hidden = rows;
        }
        self.attend(layer, few, scratch, compute);

        let rows = scratch.hidden.len() / width;
        let hidden = &mut scratch.hidden;
        let attended = sized(&mut scratch.attended, rows * width);
        layer.attention_out.forward(self.cpu, &scratch.context, none, Some(hidden), attended, compute);
        if let Some(norm) = &layer.attention_norm {
            layer_norm(self.cpu, norm, attended);
        }
        if let Some(norm) = &layer.first_norm {
            normalized(self.cpu, norm, attended, &mut scratch.normed);
        }
        let input = if layer.first_norm.is_some() { scratch.normed.as_slice() } else { &*attended };
        let intermediate = sized(&mut scratch.intermediate, rows * self.config.intermediate);
        layer.up.forward(self.cpu, input, self.config.activation, None, intermediate, compute);
        if let Some(factors) = &layer.gate {
            let gates = sized(&mut scratch.gates, rows * self.config.intermediate);
            factors.forward(self.cpu, input, none, None, gates, compute);
            gate(self.cpu, gates, intermediate);
        }
        layer.down.forward(self.cpu, intermediate, none, Some(attended), hidden, compute);
        if let Some(norm) = &layer.out_norm {
            layer_norm(self.cpu, norm, hidden);
        }
    }

    /// From queries, keys and values to the context.
    fn attend(&self, layer: &Layer, few: bool, scratch: &mut Scratch, compute: &Compute) {
        let width = self.config.hidden;
        let (heads, size) = (self.config.heads, width / self.config.heads);
        let joined = matches!(layer.projection, Projection::Joined(_));
        let stride = if joined { 3 * width } else { 2 * width };
        if let Some(table) = &layer.rotary {
            // Queries and keys stand side by side in a joined projection, as twice as many heads.
            let side_by_side = if joined { 2 * heads } else { heads };
            rotate(self.cpu, table, &scratch.places, side_by_side, stride, &mut scratch.projected);
            if !joined {
                let places = if few { &scratch.chosen_places } else { &scratch.places };
                rotate(self.cpu, table, places, heads, width, &mut scratch.queries);
            }
        }
        let queries = if joined {
            Heads { data: &scratch.projected, start: 0, stride }
        } else {
            Heads { data: &scratch.queries, start: 0, stride: width }
        };
        let first = stride - 2 * width;
        let keys = Heads { data: &scratch.projected, start: first, stride };
        let values = Heads { data: &scratch.projected, start: first + width, stride };
        let offsets = &scratch.offsets;
        let context = sized(&mut scratch.context, scratch.hidden.len());
        let bias = match &layer.distances {
            Distances::None => ScoreBias::None,
            Distances::Bias(bias) => ScoreBias::Distance(bias),
            Distances::Disentangled(positions) => ScoreBias::Disentangled(positions),
        };
        let plain = matches!(bias, ScoreBias::None) && layer.reach.is_none();
        if plain && self.config.family() != Family::DebertaV2 {
            Attention { queries, keys, values, heads, size, offsets, first_token_only: few }
                .run(self.cpu, context, compute);
        } else {
            let chosen = few.then_some(scratch.chosen_places.as_slice());
            let (scale, reach) = (scale(&self.config), layer.reach);
            RelativeAttention { queries, keys, values, heads, size, offsets, chosen, scale, bias, reach }
                .run(self.cpu, context, compute);
        }
    }
}

impl Scratch {
    /// Notes which token of each text is read, and says whether it is one of each.
    fn choose(&mut self, read: Read<'_>, first: usize) -> bool {
        self.chosen.clear();
        self.chosen_places.clear();
        let starts = self.offsets.windows(2);
        match read {
            Read::First => self.chosen.extend(starts.map(|text| text[0])),
            Read::Chosen(tokens) if tokens.len() == starts.len() => {
                let mut texts = starts.zip(tokens);
                if !texts.all(|(text, &token)| (text[0]..text[1]).contains(&(token - first))) {
                    return false;
                }
                self.chosen.extend(tokens.iter().map(|token| token - first));
            }
            _ => return false,
        }
        self.chosen_places.extend(self.chosen.iter().map(|&token| self.places[token]));
        true
    }

    /// From the rows of all tokens to those that are read.
    fn pick(&mut self, read: Read<'_>, first: usize, width: usize) {
        let tokens: Vec<usize> = match read {
            Read::Every | Read::Mean => return,
            Read::First => self.offsets.iter().take(self.offsets.len().saturating_sub(1)).copied().collect(),
            Read::Chosen(tokens) => tokens.iter().map(|token| token - first).collect(),
        };
        self.hidden = gather(&self.hidden, &tokens, width);
    }

    /// From the rows of all tokens to the mean of each text.
    fn average(&mut self, width: usize) {
        let mut means = Vec::with_capacity((self.offsets.len().saturating_sub(1)) * width);
        for text in self.offsets.windows(2) {
            let start = means.len();
            means.resize(start + width, 0.0);
            let mean = &mut means[start..];
            for row in self.hidden[text[0] * width..text[1] * width].chunks_exact(width) {
                mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            let count = (text[1] - text[0]) as f32;
            mean.iter_mut().for_each(|sum| *sum /= count);
        }
        self.hidden = means;
    }
}

fn gather(rows: &[f32], chosen: &[usize], width: usize) -> Vec<f32> {
    chosen.iter().flat_map(|&row| &rows[row * width..][..width]).copied().collect()
}

fn normalized(cpu: Cpu, norm: &LayerNorm, rows: &[f32], out: &mut Vec<f32>) {
    out.clear();
    out.extend_from_slice(rows);
    layer_norm(cpu, norm, out);
}

/// The buffer as a matrix of `len` elements, whose values are left over from before.
fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    buffer.resize(len, 0.0);
    buffer
}
