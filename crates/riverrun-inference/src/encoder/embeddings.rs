//! From token ids to the rows that the first layer takes.

use riverrun_runner::Compute;

use super::architecture::Family;
use super::config::{Details, EncoderConfig};
use super::linear::Linear;
use super::norm::load_norm;
use super::table::Table;
use super::weights::Weights;
use crate::InferenceError;
use crate::backend::PackedBatch;
use crate::kernels::{Activation, Cpu, LayerNorm, layer_norm};

/// Embeddings of tokens, positions and types.
pub(super) struct Embeddings {
    /// `[vocabulary, width]`.
    words: Table,
    /// `[positions, width]`; empty where tokens have no place of their own.
    positions: Vec<f32>,
    /// `[types, width]`; empty where the architecture has none.
    types: Vec<f32>,
    width: usize,
    hidden: usize,
    first_position: usize,
    unplaced: Option<u32>,
    norm: Option<LayerNorm>,
    /// To the hidden size, where the embeddings are narrower.
    projection: Option<Linear>,
    projected_norm: Option<LayerNorm>,
}

/// Some texts of a batch.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) batch: &'a PackedBatch,
    /// Where they begin among its tokens.
    pub(super) first: usize,
    /// Where each of them begins behind that; the last entry is where the last one ends.
    pub(super) offsets: &'a [usize],
}

impl Embeddings {
    pub(super) fn load(weights: &mut Weights, config: &EncoderConfig) -> Result<Self, InferenceError> {
        let (family, width, hidden) = (config.family(), config.embedding, config.hidden);
        let words = match family {
            Family::ModernBert => "embeddings.tok_embeddings.weight",
            _ => "embeddings.word_embeddings.weight",
        };
        let words = weights.table(words, &[config.vocabulary, width])?;
        let placed = match &config.details {
            Details::Deberta(details) => details.absolute,
            Details::ModernBert(_) | Details::Gated(_) => false,
            Details::None | Details::Albert { .. } => true,
        };
        let positions = if placed {
            weights.tensor("embeddings.position_embeddings.weight", &[config.positions, width])?
        } else {
            Vec::new()
        };
        let types = if config.types > 0 {
            weights.tensor("embeddings.token_type_embeddings.weight", &[config.types, width])?
        } else {
            Vec::new()
        };
        let mut norm = |size| {
            let name = match family {
                Family::ModernBert => "embeddings.norm",
                Family::NomicBert => "emb_ln",
                _ => "embeddings.LayerNorm",
            };
            load_norm(weights, name, size, config)
        };
        // DeBERTa's norm is behind the projection, the others' before it.
        let (norm, projected_norm) = match family {
            Family::DebertaV2 => (None, Some(norm(hidden)?)),
            _ => (Some(norm(width)?), None),
        };
        let projection = match family {
            Family::Electra if width != hidden => Some("embeddings_project"),
            Family::Albert => Some("encoder.embedding_hidden_mapping_in"),
            Family::DebertaV2 if width != hidden => Some("embeddings.embed_proj"),
            _ => None,
        };
        let projection = match projection {
            // Without a bias in DeBERTa.
            Some(name) if family == Family::DebertaV2 => {
                let rows = weights.linear(&[format!("{name}.weight")], hidden, width)?;
                Some(Linear::of(weights, &rows, vec![0.0; hidden], width)?)
            }
            Some(name) => Some(Linear::load(weights, name, width, hidden)?),
            None => None,
        };
        let (first_position, unplaced) = (config.first_position, config.unplaced);
        Ok(Self { words, positions, types, width, hidden, first_position, unplaced, norm, projection, projected_norm })
    }

    /// The words' embeddings, `[vocabulary, width]`: what many models compare a masked token with.
    pub(super) fn words(&self) -> &[f32] {
        &self.words
    }

    /// Whether tokens of pairs have types.
    pub(super) fn has_types(&self) -> bool {
        !self.types.is_empty()
    }

    /// Writes the rows of `part` to `hidden`; `narrow` is working memory.
    pub(super) fn forward(
        &self, cpu: Cpu, part: Part<'_>, narrow: &mut Vec<f32>, hidden: &mut Vec<f32>, compute: &Compute,
    ) {
        let Part { batch, first, offsets } = part;
        let tokens = offsets.last().map_or(0, |&end| end);
        let rows = if self.projection.is_some() { &mut *narrow } else { &mut *hidden };
        rows.resize(tokens * self.width, 0.0);
        for text in offsets.windows(2) {
            let mut place = self.first_position;
            for token in text[0]..text[1] {
                let row = &mut rows[token * self.width..][..self.width];
                let id = batch.ids()[first + token];
                let kind = batch.type_ids()[first + token] as usize;
                let position = match self.unplaced {
                    // A padding token inside a text has the padding's position.
                    Some(pad) if pad == id => pad as usize,
                    _ => {
                        place += 1;
                        place - 1
                    }
                };
                self.embed(id as usize, position, kind, row);
            }
        }
        if let Some(norm) = &self.norm {
            layer_norm(cpu, norm, rows);
        }
        if let Some(projection) = &self.projection {
            hidden.resize(tokens * self.hidden, 0.0);
            projection.forward(cpu, narrow, Activation::Identity, None, hidden, compute);
        }
        if let Some(norm) = &self.projected_norm {
            layer_norm(cpu, norm, hidden);
        }
    }

    fn embed(&self, id: usize, position: usize, kind: usize, row: &mut [f32]) {
        let width = self.width;
        row.copy_from_slice(&self.words[id * width..][..width]);
        if !self.types.is_empty() {
            let kind = if self.types.len() == width { 0 } else { kind };
            row.iter_mut().zip(&self.types[kind * width..][..width]).for_each(|(row, kind)| *row += kind);
        }
        if !self.positions.is_empty() {
            row.iter_mut().zip(&self.positions[position * width..][..width]).for_each(|(row, place)| *row += place);
        }
    }
}
