//! Trees as files describe them, before they are laid out for evaluation.

use std::sync::Arc;

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
    Category { set: CategorySet, in_set_left: bool, missing_left: bool, negative: Negative },
}

/// What a number between -1 and 0 is as a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Negative {
    /// Zero: LightGBM looks at the sign after cutting.
    Cut,
    /// None: XGBoost looks at it before.
    NoCategory,
}

/// Categories. Copies share their memory, since layouts in several widths keep the same sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CategorySet {
    /// One bit each.
    Bits(Arc<[u32]>),
    /// Sorted: where bits up to the greatest would take more memory than the categories themselves.
    Sorted(Arc<[u32]>),
}

/// Beyond it XGBoost takes no number for a category, since `f32` has gaps there; no bitset is that long.
const CATEGORIES: u32 = 1 << 24;

impl CategorySet {
    pub(crate) fn from_words(words: &[u32]) -> Self {
        Self::Bits(words.into())
    }

    /// None if one is too large for a category. The set takes no more memory than `categories`.
    pub(crate) fn from_categories(categories: &[i64]) -> Option<Self> {
        let narrow = |&category: &i64| u32::try_from(category).ok().filter(|&category| category < CATEGORIES);
        let mut sorted = categories.iter().map(narrow).collect::<Option<Vec<u32>>>()?;
        sorted.sort_unstable();
        sorted.dedup();
        let words = sorted.last().map_or(0, |&greatest| greatest as usize / 32 + 1);
        if words > sorted.len() {
            return Some(Self::Sorted(sorted.into()));
        }
        let mut bits = vec![0; words];
        for category in sorted {
            bits[(category / 32) as usize] |= 1 << (category % 32);
        }
        Some(Self::Bits(bits.into()))
    }

    /// Whether `value`, cut to an integer, is in the set. Enormous ones are in none, and of negative ones those alone that are cut to
    /// zero, where the library cuts them first.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cutting is the rule, the range is checked"
    )]
    pub(crate) fn contains(&self, value: f64, negative: Negative) -> bool {
        let counts = match negative {
            Negative::Cut => value > -1.0,
            Negative::NoCategory => value >= 0.0,
        };
        if !(counts && value < f64::from(CATEGORIES)) {
            return false;
        }
        let category = value as u32;
        match self {
            Self::Bits(words) => {
                words.get((category / 32) as usize).is_some_and(|word| word >> (category % 32) & 1 == 1)
            }
            Self::Sorted(categories) => categories.binary_search(&category).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_holds_its_categories_alone_in_no_more_memory_than_they_take(
            categories in prop::collection::vec(prop_oneof![0_i64..100, 0_i64..1 << 24], 0..80), other in 0_i64..1 << 24,
        ) {
            let set = CategorySet::from_categories(&categories).unwrap();

            for category in categories.iter().chain([&other]) {
                prop_assert_eq!(set.contains(*category as f64, Negative::NoCategory), categories.contains(category));
            }
            let (CategorySet::Bits(words) | CategorySet::Sorted(words)) = set;
            prop_assert!(words.len() <= categories.len());
        }
    }

    #[test]
    fn what_is_no_category_makes_no_set() {
        assert_eq!(CategorySet::from_categories(&[1, -1]), None);
        assert_eq!(CategorySet::from_categories(&[1 << 24]), None);
    }
}
