//! Walking rows down the trees.

use std::ops::AddAssign;

use super::{Forest, MISSING_LEFT, Node, Number, Special};

/// Walks that go on at once: enough to fill the time of a load from the first-level cache.
const LANES: usize = 8;

/// Rows that take their turn at a tree before the next tree is loaded.
const BLOCK: usize = 64;

/// Up to this depth each walk makes as many steps as the deepest leaf needs, which is cheaper than to look whether all have ended.
const FIXED_STEPS: u32 = 10;

/// What LightGBM takes for zero.
const ZERO: f64 = 1e-35_f32 as f64;

impl<T: Number> Node<T> {
    #[inline(always)]
    fn next(self, x: T) -> u32 {
        // A comparison with NaN is false, so NaN, and every value at a leaf, goes left where the second term does not object.
        #[allow(clippy::eq_op, reason = "true for NaN alone")]
        let right = (x >= self.threshold) | ((x != x) & (self.feature & MISSING_LEFT == 0));
        self.left + u32::from(right)
    }

    #[inline(always)]
    fn column(self) -> usize {
        (self.feature & !MISSING_LEFT) as usize
    }
}

impl<T: Number, V: Number + AddAssign> Forest<T, V> {
    /// Adds every tree's leaf to the sums of its group, tree after tree, so that a row's sum is the same bits in any table.
    ///
    /// `rows` is `[rows, features]` and `sums` is `[rows, groups]`.
    pub(crate) fn add_to(&self, rows: &[T], features: usize, sums: &mut [V], groups: usize) {
        if sums.len() < LANES * groups {
            for (row, sums) in rows.chunks_exact(features).zip(sums.chunks_exact_mut(groups)) {
                self.add_row(row, sums);
            }
            return;
        }
        for (rows, sums) in rows.chunks(BLOCK * features).zip(sums.chunks_mut(BLOCK * groups)) {
            self.add_block(rows, features, sums, groups);
        }
    }

    /// A lone row walks several trees at once.
    fn add_row(&self, row: &[T], sums: &mut [V]) {
        let mut trees = self.trees.as_slice();
        while let Some((group, rest)) = trees.split_first_chunk::<LANES>() {
            if !group.iter().all(|tree| tree.plain) {
                break;
            }
            let depth = group.iter().map(|tree| tree.depth).max().unwrap_or(0);
            let leaves = self.walk(group.map(|tree| tree.root), [row; LANES], depth);
            for (tree, leaf) in group.iter().zip(leaves) {
                sums[tree.group as usize] += self.values[leaf as usize];
            }
            trees = rest;
        }
        for tree in trees {
            let leaf = if tree.plain {
                self.walk([tree.root], [row], tree.depth)[0]
            } else {
                self.walk_special(tree.root, row)
            };
            sums[tree.group as usize] += self.values[leaf as usize];
        }
    }

    fn add_block(&self, rows: &[T], features: usize, sums: &mut [V], groups: usize) {
        for tree in &self.trees {
            let group = tree.group as usize;
            let mut left = rows;
            let mut sums = sums.chunks_exact_mut(groups);
            if tree.plain {
                while left.len() >= LANES * features {
                    let (lanes, rest) = left.split_at(LANES * features);
                    left = rest;
                    let lanes: [&[T]; LANES] =
                        std::array::from_fn(|lane| &lanes[lane * features..(lane + 1) * features]);
                    let leaves = self.walk([tree.root; LANES], lanes, tree.depth);
                    for (leaf, sums) in leaves.into_iter().zip(&mut sums) {
                        sums[group] += self.values[leaf as usize];
                    }
                }
            }
            for (row, sums) in left.chunks_exact(features).zip(sums) {
                let leaf = if tree.plain {
                    self.walk([tree.root], [row], tree.depth)[0]
                } else {
                    self.walk_special(tree.root, row)
                };
                sums[group] += self.values[leaf as usize];
            }
        }
    }

    /// The leaves that rows come to, each from its root.
    #[inline(always)]
    fn walk<const N: usize>(&self, mut at: [u32; N], rows: [&[T]; N], depth: u32) -> [u32; N] {
        let nodes = self.nodes.as_slice();
        let step = |at: u32, row: &[T]| {
            let node = nodes[at as usize];
            node.next(row[node.column()])
        };
        if depth <= FIXED_STEPS {
            for _ in 0..depth {
                for (at, row) in at.iter_mut().zip(rows) {
                    *at = step(*at, row);
                }
            }
            return at;
        }
        loop {
            let mut moved = 0;
            for (at, row) in at.iter_mut().zip(rows) {
                let next = step(*at, row);
                moved |= next ^ *at;
                *at = next;
            }
            if moved == 0 {
                return at;
            }
        }
    }

    /// As [`walk`](Self::walk), where there are rules beyond thresholds.
    fn walk_special(&self, mut at: u32, row: &[T]) -> u32 {
        loop {
            let node = self.nodes[at as usize];
            let x = row[node.column()];
            let next = match self.specials.binary_search_by_key(&at, |special| special.0) {
                Ok(index) => {
                    let left = self.specials[index].1.goes_left(x.wide());
                    match left {
                        Some(left) => node.left + u32::from(!left),
                        None => node.next(x),
                    }
                }
                Err(_) => node.next(x),
            };
            if next == at {
                return at;
            }
            at = next;
        }
    }
}

impl Special {
    /// Nothing where the threshold decides.
    fn goes_left(&self, x: f64) -> Option<bool> {
        match self {
            Self::Zero { missing_left } => (x.abs() <= ZERO).then_some(*missing_left),
            Self::Category { missing_left, .. } if x.is_nan() => Some(*missing_left),
            Self::Category { set, in_set_left, negative, .. } => Some(set.contains(x, *negative) == *in_set_left),
        }
    }
}
