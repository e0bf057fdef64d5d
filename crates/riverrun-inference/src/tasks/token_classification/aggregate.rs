//! From labelled tokens to entities, step by step as `transformers` does it.

use super::{AggregationStrategy, Entity};
use crate::InferenceError;
use crate::tasks::text_classification::Label;
use crate::tasks::text_model::best;
use crate::tokenization::TextTokenizer;

/// A token that is none of the special ones, with the scores of all labels.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) word: String,
    pub(super) scores: Vec<f32>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) index: usize,
    /// It goes on with the word of the token before.
    pub(super) continues: bool,
}

/// Something with one label.
struct Labelled {
    label: usize,
    score: f32,
    word: String,
    start: usize,
    end: usize,
    index: usize,
}

/// The entities of a text.
pub(super) fn entities(
    pieces: Vec<Piece>, strategy: AggregationStrategy, labels: &[Label], tokenizer: &TextTokenizer,
) -> Result<Vec<Entity>, InferenceError> {
    let whole_words = !matches!(strategy, AggregationStrategy::None | AggregationStrategy::Simple);
    let labelled =
        if whole_words { words(pieces, strategy, tokenizer)? } else { pieces.into_iter().map(labelled).collect() };
    if strategy != AggregationStrategy::None {
        return groups(labelled, labels, tokenizer);
    }
    let entity = |token: Labelled| Entity {
        entity: Some(labels[token.label].clone()),
        entity_group: None,
        score: token.score,
        index: Some(token.index),
        word: token.word,
        start: token.start,
        end: token.end,
    };
    Ok(labelled.into_iter().map(entity).collect())
}

fn labelled(piece: Piece) -> Labelled {
    let label = best(&piece.scores);
    let Piece { word, start, end, index, .. } = piece;
    Labelled { label, score: piece.scores[label], word, start, end, index }
}

/// Tokens of one word become one.
fn words(
    pieces: Vec<Piece>, strategy: AggregationStrategy, tokenizer: &TextTokenizer,
) -> Result<Vec<Labelled>, InferenceError> {
    let mut words: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        match words.last_mut() {
            Some(word) if piece.continues => word.push(piece),
            _ => words.push(vec![piece]),
        }
    }
    words.into_iter().map(|pieces| word(pieces, strategy, tokenizer)).collect()
}

fn word(
    pieces: Vec<Piece>, strategy: AggregationStrategy, tokenizer: &TextTokenizer,
) -> Result<Labelled, InferenceError> {
    let highest = |piece: &Piece| piece.scores[best(&piece.scores)];
    let scores = match strategy {
        AggregationStrategy::Average => mean(&pieces),
        AggregationStrategy::Max => {
            let highest: Vec<f32> = pieces.iter().map(highest).collect();
            pieces[best(&highest)].scores.clone()
        }
        _ => pieces[0].scores.clone(),
    };
    let label = best(&scores);
    let (start, end, index) = (pieces[0].start, pieces[pieces.len() - 1].end, pieces[0].index);
    let word = tokenizer.join(pieces.into_iter().map(|piece| piece.word).collect())?;
    Ok(Labelled { label, score: scores[label], word, start, end, index })
}

fn mean(pieces: &[Piece]) -> Vec<f32> {
    let mut sums = pieces[0].scores.clone();
    for piece in &pieces[1..] {
        sums.iter_mut().zip(&piece.scores).for_each(|(sum, score)| *sum += score);
    }
    sums.iter_mut().for_each(|sum| *sum /= pieces.len() as f32);
    sums
}

/// Neighbours of one kind become one, unless the second begins anew.
fn groups(labelled: Vec<Labelled>, labels: &[Label], tokenizer: &TextTokenizer) -> Result<Vec<Entity>, InferenceError> {
    let mut groups: Vec<Vec<Labelled>> = Vec::new();
    for token in labelled {
        let (begins, kind) = tag(&labels[token.label]);
        match groups.last_mut() {
            Some(group) if !begins && group.last().is_some_and(|last| tag(&labels[last.label]).1 == kind) => {
                group.push(token);
            }
            _ => groups.push(vec![token]),
        }
    }
    groups.into_iter().map(|tokens| group(tokens, labels, tokenizer)).collect()
}

fn group(tokens: Vec<Labelled>, labels: &[Label], tokenizer: &TextTokenizer) -> Result<Entity, InferenceError> {
    let name = labels[tokens[0].label].as_str();
    // Whatever stands before the first hyphen: so `transformers` has it, also of labels without B and I.
    let kind = name.split_once('-').map_or(name, |(_, kind)| kind);
    let score = tokens.iter().map(|token| token.score).sum::<f32>() / tokens.len() as f32;
    let (start, end) = (tokens[0].start, tokens[tokens.len() - 1].end);
    Ok(Entity {
        entity: None,
        entity_group: Some(kind.into()),
        score,
        index: None,
        word: tokenizer.join(tokens.into_iter().map(|token| token.word).collect())?,
        start,
        end,
    })
}

/// Whether a label begins an entity, and of which kind.
fn tag(label: &Label) -> (bool, &str) {
    match label.as_str().split_at_checked(2) {
        Some(("B-", kind)) => (true, kind),
        Some(("I-", kind)) => (false, kind),
        _ => (false, label.as_str()),
    }
}

/// Of entities that overlap, which the parts of a long text may both have, the longer one, or the one with the higher score.
pub(super) fn without_overlaps(mut entities: Vec<Entity>) -> Vec<Entity> {
    entities.sort_by_key(|entity| entity.start);
    let mut kept: Vec<Entity> = Vec::with_capacity(entities.len());
    for entity in entities {
        match kept.last_mut() {
            Some(last) if (last.start..last.end).contains(&entity.start) => {
                let (length, last_length) = (entity.end - entity.start, last.end - last.start);
                if length > last_length || (length == last_length && entity.score > last.score) {
                    *last = entity;
                }
            }
            _ => kept.push(entity),
        }
    }
    kept
}
