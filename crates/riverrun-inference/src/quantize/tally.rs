//! How often two models gave the same, and how far their scores are from each other.

use std::collections::BTreeSet;

use super::report::{Compared, QuantizationReport};
use crate::encoder::Precision;
use crate::tasks::text_model::best;

/// What was compared so far.
pub(super) struct Tally {
    compared: Compared,
    /// How often both gave the same, of how many times.
    same: f64,
    times: f64,
    sum: f64,
    differences: f64,
    /// The largest of each text.
    largest: Vec<f32>,
    answers: BTreeSet<Vec<usize>>,
    previous: Option<[Vec<f32>; 2]>,
}

impl Tally {
    pub(super) fn new(compared: Compared) -> Self {
        let (largest, answers) = (Vec::new(), BTreeSet::new());
        Self { compared, same: 0.0, times: 0.0, sum: 0.0, differences: 0.0, largest, answers, previous: None }
    }

    /// Adds the rows of both for a text.
    pub(super) fn add(&mut self, full: Vec<Vec<f32>>, rounded: Vec<Vec<f32>>) {
        let mut largest = 0.0f32;
        let mut differ = |full: f32, rounded: f32| {
            let difference = (full - rounded).abs();
            self.sum += f64::from(difference);
            self.differences += 1.0;
            largest = largest.max(difference);
        };
        let compared = self.compared;
        let rows = || full.iter().zip(&rounded);
        match compared {
            Compared::Cosine => rows().for_each(|(full, rounded)| {
                let cosine = cosine(full, rounded);
                self.same += cosine;
                differ(1.0, cosine as f32);
            }),
            Compared::Answer => rows().for_each(|(full, rounded)| {
                let best = best(full);
                differ(full[best], rounded[best]);
            }),
            _ => rows().flat_map(|(full, rounded)| full.iter().zip(rounded)).for_each(|(a, b)| differ(*a, *b)),
        }
        self.largest.push(largest);
        match compared {
            Compared::Cosine => self.times += 1.0,
            Compared::TokenLabels => {
                let same = rows().filter(|(full, rounded)| best(full) == best(rounded)).count();
                self.same += same as f64;
                self.times += full.len() as f64;
            }
            Compared::Order => {
                let [full, rounded] = [full, rounded].map(|rows| rows.concat());
                if let Some([full_before, rounded_before]) = &self.previous {
                    let orders = |now: &[f32], before: &[f32]| -> Vec<_> {
                        now.iter().zip(before).map(|(now, before)| now.total_cmp(before)).collect()
                    };
                    let (full, rounded) = (orders(&full, full_before), orders(&rounded, rounded_before));
                    self.same += full.iter().zip(&rounded).filter(|(full, rounded)| full == rounded).count() as f64;
                    self.times += full.len() as f64;
                }
                self.previous = Some([full, rounded]);
            }
            Compared::BestLabel | Compared::Labels | Compared::Answer => {
                let answer = |rows: &[Vec<f32>]| -> Vec<usize> {
                    let of_row = |row: &Vec<f32>| match compared {
                        Compared::Labels => {
                            let fits = row.iter().enumerate().filter(|(_, score)| **score >= 0.5);
                            fits.map(|(label, _)| label).collect()
                        }
                        _ => vec![best(row)],
                    };
                    rows.iter().flat_map(of_row).collect()
                };
                let full = answer(&full);
                self.same += f64::from(u8::from(full == answer(&rounded)));
                self.times += 1.0;
                if compared != Compared::Answer {
                    self.answers.insert(full);
                }
            }
        }
    }

    pub(super) fn report(mut self, from: String, precision: Precision, texts: usize) -> QuantizationReport {
        self.largest.sort_by(f32::total_cmp);
        let p99 = self.largest.get((self.largest.len() * 99).div_ceil(100).saturating_sub(1));
        let share = |part: f64, whole: f64, none: f64| if whole > 0.0 { part / whole } else { none };
        QuantizationReport {
            from,
            precision,
            texts,
            compared: self.compared,
            // A lone text has no neighbour whose order could differ.
            agreement: share(self.same, self.times, 1.0),
            mean_difference: share(self.sum, self.differences, 0.0),
            p99_difference: p99.copied().map_or(0.0, f64::from),
            max_difference: self.largest.last().copied().map_or(0.0, f64::from),
            different_answers: (!self.answers.is_empty()).then_some(self.answers.len()),
        }
    }
}

/// 1 for the same direction; two vectors of zeros have it.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let length = (product(a, a) * product(b, b)).sqrt();
    if length > 0.0 { (product(a, b) / length).min(1.0) } else { f64::from(u8::from(a == b)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a text, in full length and rounded.
    type Both<'a> = [&'a [&'a [f32]]; 2];

    fn report(compared: Compared, texts: &[Both<'_>]) -> QuantizationReport {
        let mut tally = Tally::new(compared);
        for both in texts {
            let [full, rounded] = both.map(|rows| rows.iter().map(|row| row.to_vec()).collect());
            tally.add(full, rounded);
        }
        tally.report("bert:1".to_owned(), Precision::Int8, texts.len())
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }

    #[test]
    fn the_share_of_texts_with_the_same_best_label_and_the_differences_of_all_scores() {
        let found = report(
            Compared::BestLabel,
            &[[&[&[0.6, 0.4]], &[&[0.5, 0.5]]], [&[&[0.6, 0.4]], &[&[0.4, 0.6]]], [&[&[0.9, 0.1]], &[&[0.9, 0.1]]]],
        );

        close(found.agreement, 2.0 / 3.0);
        close(found.mean_difference, (0.1 + 0.2) / 3.0);
        close(found.max_difference, 0.2);
        assert_eq!(found.different_answers, Some(1));
    }

    #[test]
    fn several_labels_agree_only_together() {
        let found = report(
            Compared::Labels,
            &[[&[&[0.9, 0.6, 0.1]], &[&[0.9, 0.4, 0.1]]], [&[&[0.1, 0.2, 0.1]], &[&[0.2, 0.1, 0.1]]]],
        );

        close(found.agreement, 0.5);
        assert_eq!(found.different_answers, Some(2));
    }

    #[test]
    fn values_agree_where_their_order_does() {
        let texts: [Both<'_>; 4] =
            [[&[&[3.0]], &[&[30.0]]], [&[&[1.0]], &[&[10.0]]], [&[&[2.0]], &[&[9.0]]], [&[&[5.0]], &[&[50.0]]]];

        close(report(Compared::Order, &texts).agreement, 2.0 / 3.0);
        close(report(Compared::Order, &texts[..1]).agreement, 1.0);
    }

    #[test]
    fn tokens_agree_one_by_one() {
        let found = report(
            Compared::TokenLabels,
            &[[&[&[0.9, 0.1], &[0.3, 0.7], &[0.6, 0.4]], &[&[0.8, 0.2], &[0.6, 0.4], &[0.6, 0.4]]]],
        );

        close(found.agreement, 2.0 / 3.0);
        close(found.max_difference, 0.3);
    }

    #[test]
    fn an_answer_agrees_in_its_start_and_its_end() {
        let full: &[&[f32]] = &[&[0.7, 0.2, 0.1], &[0.1, 0.1, 0.8]];
        let found = report(
            Compared::Answer,
            &[
                [full, full],
                [full, &[&[0.7, 0.2, 0.1], &[0.1, 0.5, 0.4]]],
                [full, &[&[0.6, 0.3, 0.1], &[0.1, 0.1, 0.8]]],
            ],
        );

        close(found.agreement, 2.0 / 3.0);
        // Of the scores of the answer alone: 0, 0; 0, 0.4; 0.1, 0.
        close(found.mean_difference, 0.5 / 6.0);
    }

    #[test]
    fn embeddings_of_another_length_are_alike_and_of_another_direction_are_not() {
        let found = report(Compared::Cosine, &[[&[&[1.0, 1.0]], &[&[2.0, 2.0]]], [&[&[1.0, 0.0]], &[&[0.0, 1.0]]]]);

        close(found.agreement, 0.5);
        close(found.max_difference, 1.0);
        close(cosine(&[0.0], &[0.0]), 1.0);
    }

    #[test]
    fn ninety_nine_of_a_hundred_texts_differ_by_no_more_than_the_percentile() {
        let mut tally = Tally::new(Compared::TokenLabels);
        (0..200u8).for_each(|text| tally.add(vec![vec![f32::from(text)]], vec![vec![0.0]]));

        let found = tally.report("bert:1".to_owned(), Precision::Int8, 200);

        close(found.p99_difference, 197.0);
        close(found.max_difference, 199.0);
    }
}
