//! "Did you mean …?"

use std::fmt;

/// How many alternatives a message offers at most.
const MOST: usize = 3;

/// Names that are there and look like the one that was asked for, the nearest first.
///
/// Displays as ` (did you mean `a` or `b`?)`, or as nothing when nothing is near.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestions(Vec<String>);

impl Suggestions {
    /// Those of `candidates` that a person may have meant by `wanted`.
    ///
    /// ```
    /// use riverrun_model::Suggestions;
    ///
    /// let near = Suggestions::near("sentimant", ["sentiment".to_owned(), "translation".to_owned()]);
    /// assert_eq!(near.to_string(), " (did you mean `sentiment`?)");
    /// ```
    pub fn near(wanted: &str, candidates: impl IntoIterator<Item = String>) -> Self {
        // A third of the characters may be wrong; a word that starts or ends with the other is near as well.
        let allowed = (wanted.chars().count() / 3).max(1);
        let mut near: Vec<(usize, String)> = candidates
            .into_iter()
            .filter_map(|candidate| {
                let distance = distance(wanted, &candidate);
                let part = wanted.len() >= 3 && candidate.contains(wanted);
                (distance <= allowed || part).then_some((distance, candidate))
            })
            .collect();
        near.sort();
        near.truncate(MOST);
        Self(near.into_iter().map(|(_, candidate)| candidate).collect())
    }

    /// The first few of `candidates`, however unlike.
    pub(crate) fn first(candidates: impl IntoIterator<Item = String>) -> Self {
        Self(candidates.into_iter().take(MOST).collect())
    }

    /// The suggestions, the nearest first.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Suggestions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((last, others)) = self.0.split_last() else {
            return Ok(());
        };
        f.write_str(" (did you mean ")?;
        for (index, other) in others.iter().enumerate() {
            let separator = if index + 1 < others.len() { ", " } else { " or " };
            write!(f, "`{other}`{separator}")?;
        }
        write!(f, "`{last}`?)")
    }
}

/// The optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b)).min(last[j + 1] + 1);
            best = best.min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_insertions_deletions_replacements_and_swaps() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("sentiment", "sentimetn"), 1);
        assert_eq!(distance("abc", "ab"), 1);
    }

    #[test]
    fn the_nearest_name_comes_first_and_far_ones_not_at_all() {
        let names = ["sentiments", "sentiment", "whisper"].map(str::to_owned);

        let near = Suggestions::near("sentimnet", names);

        assert_eq!(near.names(), ["sentiment", "sentiments"]);
        assert_eq!(near.to_string(), " (did you mean `sentiment` or `sentiments`?)");
    }

    #[test]
    fn nothing_near_displays_as_nothing() {
        let near = Suggestions::near("whisper", ["sentiment".to_owned()]);

        assert_eq!(near.to_string(), "");
    }
}
