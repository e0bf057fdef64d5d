//! Trees as files describe them, before they are laid out for evaluation.

/// One tree of an ensemble.
#[derive(Debug, Default)]
pub(crate) struct SourceTree {
    /// The first is the root; empty trees there are none.
    pub(crate) nodes: Vec<SourceNode>,
    /// Which of the ensemble's sums it adds to.
    pub(crate) group: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SourceNode {
    Leaf(f64),
    Split { feature: usize, rule: Rule, left: usize, right: usize },
}

/// Which way a value goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    /// Left if it is less than this; NaN by `missing_left`.
    Less { than: f64, missing_left: bool },
    /// Left if it is at most this; NaN by `missing_left`, and zero too where `zero_is_missing`.
    AtMost { limit: f64, missing_left: bool, zero_is_missing: bool },
    /// By whether the number, cut to an integer, is in the set of categories.
    Category { set: CategorySet, in_set_left: bool, missing_left: bool },
}

/// Categories, one bit each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CategorySet {
    words: Vec<u32>,
}

/// Beyond it XGBoost takes no number for a category, since `f32` has gaps there; no bitset is that long.
const CATEGORIES: u32 = 1 << 24;

impl CategorySet {
    pub(crate) fn from_words(words: Vec<u32>) -> Self {
        Self { words }
    }

    /// None if one is too large for a category.
    pub(crate) fn from_categories(categories: &[i64]) -> Option<Self> {
        let mut words = Vec::new();
        for &category in categories {
            let category = u32::try_from(category).ok().filter(|&category| category < CATEGORIES)?;
            let word = (category / 32) as usize;
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            words[word] |= 1 << (category % 32);
        }
        Some(Self { words })
    }

    /// Whether `value`, cut to an integer, is in the set. Negative and enormous ones are in none.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cutting is the rule, the range is checked"
    )]
    pub(crate) fn contains(&self, value: f64) -> bool {
        if !(value > -1.0 && value < f64::from(CATEGORIES)) {
            return false;
        }
        let category = value as u32;
        self.words.get((category / 32) as usize).is_some_and(|word| word >> (category % 32) & 1 == 1)
    }
}
