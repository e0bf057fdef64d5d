//! What a run came to.

use std::collections::BTreeMap;
use std::path::Path;

use indicatif::HumanCount;

/// How many places of bad lines the summary names.
const NAMED: usize = 3;

/// What the records are called.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Counted {
    #[default]
    Lines,
    Images,
}

impl std::fmt::Display for Counted {
    /// One of them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lines => "line",
            Self::Images => "image",
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    counted: Counted,
    done: u64,
    labels: BTreeMap<String, u64>,
    bad: u64,
    /// The places of the first bad lines.
    named: Vec<String>,
}

impl Tally {
    pub(super) fn of(counted: Counted) -> Self {
        Self { counted, ..Self::default() }
    }

    /// Counts records that have results, and the labels that some of them got.
    pub(super) fn done(&mut self, records: u64, labels: &[String]) {
        self.done += records;
        for label in labels {
            match self.labels.get_mut(label) {
                Some(count) => *count += 1,
                None => drop(self.labels.insert(label.clone(), 1)),
            }
        }
    }

    pub(super) fn bad(&mut self, place: String) {
        self.bad += 1;
        if self.named.len() < NAMED {
            self.named.push(place);
        }
    }

    pub(super) fn lines(&self) -> u64 {
        self.done + self.bad
    }

    /// One line for people.
    pub(super) fn summary(&self, interrupted: bool, errors: Option<&Path>) -> String {
        let count =
            |count: u64, noun: &str| format!("{} {noun}{}", HumanCount(count), if count == 1 { "" } else { "s" });
        let mut summary = count(self.lines(), &self.counted.to_string());
        if interrupted {
            summary = format!("interrupted after {summary}");
        }
        let labels: Vec<String> = self.labels.iter().map(|(label, &n)| format!("{} {label}", HumanCount(n))).collect();
        if !labels.is_empty() {
            summary = format!("{summary}: {}", labels.join(", "));
        }
        if self.bad > 0 {
            let more = self.bad - self.named.len() as u64;
            let more = if more > 0 { format!(" and {} more", HumanCount(more)) } else { String::new() };
            summary = format!(
                "{summary} · {} ({}{more})",
                count(self.bad, &format!("bad {}", self.counted)),
                self.named.join(", ")
            );
            if let Some(path) = errors {
                summary = format!("{summary}: see {}", path.display());
            }
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_labels_and_names_the_first_bad_lines() {
        let mut tally = Tally::default();
        (0..1200).for_each(|_| tally.done(1, &["neutral".into()]));
        tally.done(1, &["negative".into()]);
        (1..=5).for_each(|line| tally.bad(format!("line {line} of a")));

        let summary = tally.summary(false, Some(Path::new("out.errors")));

        assert_eq!(
            summary,
            "1,206 lines: 1 negative, 1,200 neutral · 5 bad lines (line 1 of a, line 2 of a, line 3 of a and 2 more): \
             see out.errors"
        );
        assert_eq!(Tally::default().summary(true, None), "interrupted after 0 lines");
    }
}
