//! From the vectors of tokens to one of the text.

use serde::{Deserialize, Serialize};

/// How the vectors of a text's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The first token's.
    Cls,
    /// The largest of each element.
    Max,
    /// The mean.
    Mean,
    /// The sum, divided by the square root of the number of tokens.
    MeanSqrtLength,
    /// The mean, in which a token counts as much as its place, from 1 on.
    WeightedMean,
    /// The last token's.
    LastToken,
}

impl Pooling {
    /// Which token alone is read, if one is: its place among `tokens`.
    pub(super) fn only_token(self, tokens: usize) -> Option<usize> {
        match self {
            Self::Cls => Some(0),
            Self::LastToken => Some(tokens.saturating_sub(1)),
            _ => None,
        }
    }

    /// Appends what it makes of `rows`, `[tokens, width]`, to `out`.
    pub(super) fn pool(self, rows: &[f32], width: usize, out: &mut Vec<f32>) {
        let count = rows.len() / width;
        let start = out.len();
        match self {
            Self::Cls => out.extend_from_slice(&rows[..width]),
            Self::LastToken => out.extend_from_slice(&rows[(count - 1) * width..]),
            Self::Max => {
                out.extend_from_slice(&rows[..width]);
                for row in rows.chunks_exact(width).skip(1) {
                    out[start..].iter_mut().zip(row).for_each(|(most, value)| *most = most.max(*value));
                }
            }
            Self::Mean => sum(rows, width, |_| 1.0, count as f32, out),
            Self::MeanSqrtLength => sum(rows, width, |_| 1.0, (count as f32).sqrt(), out),
            Self::WeightedMean => {
                let weights = (count * (count + 1) / 2) as f32;
                sum(rows, width, |place| (place + 1) as f32, weights, out);
            }
        }
    }
}

fn sum(rows: &[f32], width: usize, weight: impl Fn(usize) -> f32, divisor: f32, out: &mut Vec<f32>) {
    let start = out.len();
    out.resize(start + width, 0.0);
    for (place, row) in rows.chunks_exact(width).enumerate() {
        let weight = weight(place);
        out[start..].iter_mut().zip(row).for_each(|(sum, value)| *sum += value * weight);
    }
    out[start..].iter_mut().for_each(|sum| *sum /= divisor);
}

/// Makes a vector one of length 1; one of zeros stays.
pub(super) fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
    vector.iter_mut().for_each(|value| *value /= length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pooling_makes_one_vector_of_the_rows() {
        let rows = [1.0, -8.0, 3.0, 4.0, 5.0, 10.0];
        let pool = |pooling: Pooling| {
            let mut out = Vec::new();
            pooling.pool(&rows, 2, &mut out);
            out
        };

        assert_eq!(pool(Pooling::Cls), [1.0, -8.0]);
        assert_eq!(pool(Pooling::LastToken), [5.0, 10.0]);
        assert_eq!(pool(Pooling::Max), [5.0, 10.0]);
        assert_eq!(pool(Pooling::Mean), [3.0, 2.0]);
        assert_eq!(pool(Pooling::MeanSqrtLength), [9.0 / 3f32.sqrt(), 6.0 / 3f32.sqrt()]);
        assert_eq!(pool(Pooling::WeightedMean), [22.0 / 6.0, 5.0]);
    }

    #[test]
    fn a_normalized_vector_has_length_one_and_zeros_stay_zeros() {
        let (mut vector, mut zeros) = ([3.0, 4.0], [0.0, 0.0]);
        normalize(&mut vector);
        normalize(&mut zeros);

        assert_eq!((vector, zeros), ([0.6, 0.8], [0.0, 0.0]));
    }
}
