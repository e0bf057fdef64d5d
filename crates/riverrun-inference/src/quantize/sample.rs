//! Texts to compare models on: made of phrases of our own, the same at every call.

use std::collections::BTreeSet;

use super::phrases::{ENDINGS, ENGLISH, LANGUAGES, Phrases, TOPICS};

/// How many texts there are.
const TEXTS: usize = 2_000;

/// 2,000 texts, the same at every call: of a few words up to several hundred, half of them English and the others in twelve languages, glad,
/// angry and of no mood, some with emoji, hashtags, names and links.
///
/// [`quantize`](crate::quantize()) compares on them where no others are given. Nothing is trained with them, and they stand for no model's texts
/// in particular: those that a model is for tell more.
#[must_use]
pub fn sample_texts() -> Vec<String> {
    let mut draws = Draws(0);
    let (mut texts, mut seen) = (Vec::with_capacity(TEXTS), BTreeSet::new());
    while texts.len() < TEXTS {
        let text = text(&mut draws, texts.len());
        if seen.insert(text.clone()) {
            texts.push(text);
        }
    }
    texts
}

/// The text at this place; which language and which length it has goes round.
fn text(draws: &mut Draws, place: usize) -> String {
    let english = place.is_multiple_of(2);
    let phrases = if english { &ENGLISH } else { &LANGUAGES[place / 2 % LANGUAGES.len()] };
    let sentences = match draws.below(100) {
        0..50 => 1,
        50..75 => 2 + draws.below(2),
        75..95 => 4 + draws.below(6),
        _ => 16 + draws.below(16),
    };
    // Most texts have one mood, some have several.
    let mood = draws.below(4);
    let mut text = String::new();
    for sentence in 0..sentences {
        if sentence > 0 {
            text.push_str(phrases.space);
        }
        let mood = if mood < 3 { mood } else { draws.below(3) };
        text.push_str(&one(draws, phrases, mood, english));
    }
    if sentences < 4 && draws.below(2) == 0 {
        text.push(' ');
        text.push_str(draws.one_of(&ENDINGS));
    }
    text
}

/// A sentence. Those of English are put together of a topic and what is said of it, or stand alone.
fn one(draws: &mut Draws, phrases: &Phrases, mood: usize, english: bool) -> String {
    if english && draws.below(3) > 0 {
        let (topic, said) = (draws.one_of(&TOPICS), draws.one_of(phrases.said[mood]));
        return format!("{topic} {said}");
    }
    draws.one_of(phrases.sentences[mood]).to_owned()
}

/// Numbers that look drawn and are always the same (SplitMix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn one_of(&mut self, all: &[&'static str]) -> &'static str {
        all[self.below(all.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_always_the_same_and_none_is_there_twice() {
        let texts = sample_texts();

        assert_eq!(texts, sample_texts());
        assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), TEXTS);
        assert!(texts.iter().all(|text| text.trim() == text && !text.is_empty() && !text.contains('\n')));
    }

    #[test]
    fn there_are_short_and_long_ones_in_many_scripts_with_emoji() {
        let texts = sample_texts();
        let words = |text: &String| text.split(' ').count();
        let with = |contains: fn(char) -> bool| texts.iter().filter(|text| text.contains(contains)).count();

        assert!(texts.iter().filter(|text| words(text) <= 8).count() > 200);
        assert!(texts.iter().filter(|text| words(text) >= 150).count() > 20);
        assert!(with(|c| ('а'..='я').contains(&c)) > 50, "Cyrillic");
        assert!(with(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)) > 100, "Chinese and Japanese");
        assert!(with(|c| ('\u{0600}'..='\u{06ff}').contains(&c)) > 50, "Arabic");
        assert!(with(|c| c >= '\u{1f300}') > 200, "emoji");
    }
}
