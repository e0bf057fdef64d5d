//! What the distance of two tokens adds to their attention.

use super::packed::PackedMatrix;

/// An addend to the score of a query and a key for each head and distance.
#[derive(Debug)]
pub struct DistanceBias {
    /// `[heads, 2 · most - 1]`, from the farthest key before a query to the farthest behind it.
    table: Vec<f32>,
    most: usize,
}

impl DistanceBias {
    /// `bias` for each head and distance `key - query` in sequences of up to `most` tokens.
    #[must_use]
    pub fn new(heads: usize, most: usize, bias: impl Fn(usize, isize) -> f32) -> Self {
        let most = most.max(1);
        let reach = most as isize - 1;
        let table = (0..heads).flat_map(|head| (-reach..=reach).map(move |distance| (head, distance)));
        Self { table: table.map(|(head, distance)| bias(head, distance)).collect(), most }
    }

    /// The addends to the scores of the query at place `query` of its sequence and the first `keys` keys.
    pub(super) fn row(&self, head: usize, query: usize, keys: usize) -> &[f32] {
        let width = 2 * self.most - 1;
        &self.table[head * width + self.most - 1 - query..][..keys]
    }
}

/// DeBERTa's disentangled attention: a query also asks for the position of a key, and a key for that of a query.
///
/// Positions are relative ones, in buckets: short distances have one each, long ones share them.
#[derive(Debug)]
pub struct Disentangled {
    /// Positions as keys, `[size, buckets]` for each head; empty if queries do not ask for positions.
    pub(super) keys: Vec<PackedMatrix>,
    /// Positions as queries, as above; empty if keys do not ask for them.
    pub(super) queries: Vec<PackedMatrix>,
    /// The bucket of each distance `query - key`, from the farthest key behind a query on.
    buckets: Vec<u32>,
    most: usize,
}

impl Disentangled {
    /// `keys` and `queries` are positions as the layer projects them, `[buckets, heads · size]`; `bucket` is that of a distance
    /// `query - key`, which never falls as the distance grows, in sequences of up to `most` tokens.
    #[must_use]
    pub fn new(
        keys: Option<&[f32]>, queries: Option<&[f32]>, heads: usize, size: usize, most: usize,
        bucket: impl Fn(isize) -> usize,
    ) -> Self {
        let most = most.max(1);
        let reach = most as isize - 1;
        let buckets: Vec<u32> = (-reach..=reach).map(|distance| bucket(distance) as u32).collect();
        let heads_of = |rows: Option<&[f32]>| rows.map(|rows| split(rows, heads, size)).unwrap_or_default();
        let (keys, queries) = (heads_of(keys), heads_of(queries));
        let rows = keys.first().or(queries.first()).map_or(0, PackedMatrix::outputs);
        assert!(
            rows == 0 || buckets.iter().all(|&bucket| (bucket as usize) < rows),
            "every bucket has a row of the positions"
        );
        assert!(buckets.is_sorted(), "buckets follow the distance");
        Self { keys, queries, buckets, most }
    }

    /// The buckets of the distances from the query at place `query` to each of the first keys, in their order: backwards.
    pub(super) fn buckets(&self, query: usize, keys: usize) -> impl Iterator<Item = usize> {
        let end = self.most + query;
        self.buckets[end - keys..end].iter().rev().map(|&bucket| bucket as usize)
    }

    /// The lowest and the highest bucket in a sequence of `tokens`.
    pub(super) fn range(&self, tokens: usize) -> (usize, usize) {
        let bucket = |place: usize| self.buckets[place] as usize;
        (bucket(self.most - tokens), bucket(self.most + tokens - 2))
    }
}

/// A matrix for each head.
fn split(rows: &[f32], heads: usize, size: usize) -> Vec<PackedMatrix> {
    let of_head = |head: usize| {
        let rows = rows.chunks_exact((heads * size).max(1)).flat_map(|row| &row[head * size..(head + 1) * size]);
        PackedMatrix::from_weight(&rows.copied().collect::<Vec<_>>(), size)
    };
    (0..heads).map(of_head).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_bias_begins_at_the_first_key() {
        let bias = DistanceBias::new(2, 5, |head, distance| (head as f32) * 100.0 + distance as f32);

        assert_eq!(bias.row(0, 0, 5), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(bias.row(1, 4, 5), [96.0, 97.0, 98.0, 99.0, 100.0]);
        assert_eq!(bias.row(1, 2, 3), [98.0, 99.0, 100.0]);
    }

    #[test]
    fn buckets_go_backwards_from_the_distance_of_the_first_key() {
        let positions = vec![0.0; 9];
        let disentangled = Disentangled::new(Some(&positions), None, 1, 1, 5, |distance| (distance + 4) as usize);

        assert_eq!(disentangled.buckets(2, 4).collect::<Vec<_>>(), [6, 5, 4, 3]);
        assert_eq!(disentangled.range(5), (0, 8));
        assert_eq!(disentangled.range(1), (4, 4));
    }
}
