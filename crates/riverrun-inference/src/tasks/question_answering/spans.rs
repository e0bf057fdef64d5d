//! From the scores of starts and ends to answers.

use tokenizers::Encoding;

/// A part of a question's context, as tokens.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Which tokens may be in an answer: those of the context, and the first token, which stands for no answer.
    pub(super) allowed: Vec<bool>,
    /// The characters of each token.
    pub(super) characters: Vec<(usize, usize)>,
    /// The characters of the word that each token of the context belongs to.
    pub(super) words: Vec<Option<(usize, usize)>>,
}

impl Part {
    pub(super) fn new(encoding: &Encoding, first_token: Option<u32>) -> Self {
        let sequences = encoding.get_sequence_ids();
        let allowed = sequences.iter().zip(encoding.get_ids());
        let word = |token: usize| {
            let (_, word) = encoding.token_to_word(token)?;
            // Of the context's word of that number, even for a token of the question: so `transformers` has it.
            encoding.word_to_chars(word, 1)
        };
        Self {
            allowed: allowed.map(|(&sequence, &id)| sequence == Some(1) || Some(id) == first_token).collect(),
            characters: encoding.get_offsets().to_vec(),
            words: (0..encoding.len()).map(word).collect(),
        }
    }

    /// The characters from token `start` to token `end`; those of whole words if they are known and `words` says so.
    pub(super) fn characters(&self, start: usize, end: usize, words: bool) -> (usize, usize) {
        match (self.words[start], self.words[end]) {
            (Some((start, _)), Some((_, end))) if words => (start, end),
            _ => (self.characters[start].0, self.characters[end].1),
        }
    }
}

/// The tokens from `start` to `end` as an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) score: f32,
}

/// The `count` best spans of at most `longest` tokens, best first, and the score of no answer.
///
/// `logits` are `[tokens, 2]`, of each token as a start and as an end.
pub(super) fn best_spans(logits: &[f32], allowed: &[bool], longest: usize, count: usize) -> (Vec<Span>, f32) {
    let mut starts = probabilities(logits.iter().step_by(2).copied(), allowed);
    let mut ends = probabilities(logits.iter().skip(1).step_by(2).copied(), allowed);
    let (Some(first_start), Some(first_end)) = (starts.first_mut(), ends.first_mut()) else {
        return (Vec::new(), 0.0);
    };
    let nothing = *first_start * *first_end;
    (*first_start, *first_end) = (0.0, 0.0);

    let tokens = allowed.len();
    let mut spans: Vec<Span> = (0..tokens)
        .flat_map(|start| (start..tokens.min(start.saturating_add(longest))).map(move |end| (start, end)))
        .filter(|&(start, end)| allowed[start] && allowed[end])
        .map(|(start, end)| Span { start, end, score: starts[start] * ends[end] })
        .collect();
    // Stable: of equal scores the first span stays first.
    spans.sort_by(|a, b| b.score.total_cmp(&a.score));
    spans.truncate(count);
    (spans, nothing)
}

/// The softmax over the tokens that are allowed; the others are given next to nothing.
fn probabilities(logits: impl Iterator<Item = f32>, allowed: &[bool]) -> Vec<f32> {
    let mut scores: Vec<f32> =
        logits.zip(allowed).map(|(logit, &allowed)| if allowed { logit } else { -10_000.0 }).collect();
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - largest).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_may_be_as_long_as_any_number_says() {
        let (spans, _) = best_spans(&[0.0, 0.0, 1.0, 1.0, 2.0, 2.0], &[true; 3], usize::MAX, 9);

        assert_eq!(spans.len(), 6);
    }

    #[test]
    fn a_span_ends_behind_its_start_and_is_no_longer_than_asked() {
        // Starts and ends of: [CLS], question, three tokens of the context.
        let logits = [0.0, 0.0, 9.0, 9.0, 1.0, 5.0, 4.0, 1.0, 1.0, 4.0];
        let allowed = [true, false, true, true, true];

        let (spans, nothing) = best_spans(&logits, &allowed, 2, 3);
        let ends: Vec<_> = spans.iter().map(|span| (span.start, span.end)).collect();

        assert_eq!(ends, [(3, 4), (2, 2), (3, 3)]);
        assert!(nothing > 0.0 && nothing < 0.01, "{nothing}");
        assert!(best_spans(&logits, &allowed, 3, 9).0.iter().any(|span| (span.start, span.end) == (2, 4)));
    }
}
