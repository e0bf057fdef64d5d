//! An ensemble of trees, laid out for evaluation.
//!
//! The two children of a node stand side by side, and a leaf is its own left child by a rule that always says left. So a step
//! is the same few instructions at every node, without a branch, and several walks go on at once while each waits for its
//! loads.

mod number;
mod source;
mod walk;

pub(crate) use number::Number;
pub(crate) use source::{CategorySet, Negative, Rule, SourceNode, SourceTree};

/// Set in [`Node::feature`] where NaN goes left.
const MISSING_LEFT: u32 = 1 << 31;

/// The most features a model may have.
pub(crate) const MOST_FEATURES: usize = 1 << 24;

/// One node: `x >= threshold` goes to `left + 1`.
#[derive(Debug, Clone, Copy)]
struct Node<T> {
    threshold: T,
    feature: u32,
    left: u32,
}

/// A rule beyond a threshold.
#[derive(Debug, Clone)]
enum Special {
    Zero { missing_left: bool },
    Category { set: CategorySet, in_set_left: bool, missing_left: bool, negative: Negative },
}

#[derive(Debug, Clone, Copy)]
struct Tree {
    root: u32,
    group: u32,
    /// Steps to the deepest leaf.
    depth: u32,
    /// Without special rules.
    plain: bool,
}

/// Trees for rows of `T` whose leaves sum up in `V`.
#[derive(Debug)]
pub(crate) struct Forest<T, V> {
    nodes: Vec<Node<T>>,
    /// What a leaf adds; zero for other nodes.
    values: Vec<V>,
    /// By node; sorted.
    specials: Vec<(u32, Special)>,
    trees: Vec<Tree>,
}

impl<T: Number, V: Number> Forest<T, V> {
    /// Lays out trees that read `features` of a row.
    ///
    /// # Errors
    /// In words: which tree is none, or reads another feature.
    pub(crate) fn new(sources: &[SourceTree], features: usize) -> Result<Self, String> {
        let mut forest = Self { nodes: Vec::new(), values: Vec::new(), specials: Vec::new(), trees: Vec::new() };
        for (index, source) in sources.iter().enumerate() {
            forest.add(source, features).map_err(|problem| format!("tree {index} {problem}"))?;
        }
        Ok(forest)
    }

    fn add(&mut self, source: &SourceTree, features: usize) -> Result<(), String> {
        let first = self.nodes.len();
        let most = u32::try_from(first + source.nodes.len()).map_err(|_| "is beyond four thousand million nodes")?;
        let root = most - u32::try_from(source.nodes.len()).unwrap_or(most);
        let mut plain = true;
        // Level by level: what is placed at `first + i` came from `order[i]`.
        let mut order = vec![(0_usize, 0_u32)];
        let mut deepest = 0;
        let mut done = 0;
        while done < order.len() {
            let (from, depth) = order[done];
            let node = source.nodes.get(from).ok_or_else(|| format!("has no node {from}, which a split leads to"))?;
            deepest = deepest.max(depth);
            let at = root + u32::try_from(done).unwrap_or(u32::MAX);
            match node {
                SourceNode::Leaf(value) => {
                    self.nodes.push(Node { threshold: T::NAN, feature: MISSING_LEFT, left: at });
                    self.values.push(V::nearest(*value));
                }
                SourceNode::Split { feature, rule, left, right } => {
                    if *feature >= features {
                        return Err(format!("reads feature {feature} of {features}"));
                    }
                    // A node that is reached twice would make more nodes than there are.
                    if order.len() + 2 > source.nodes.len() {
                        return Err("has a node that two splits lead to".to_owned());
                    }
                    let children = root + u32::try_from(order.len()).unwrap_or(u32::MAX);
                    order.extend([(*left, depth + 1), (*right, depth + 1)]);
                    plain &= self.split(at, *feature, rule, children);
                    self.values.push(V::nearest(0.0));
                }
            }
            done += 1;
        }
        let group = u32::try_from(source.group).map_err(|_| "is of no output")?;
        self.trees.push(Tree { root, group, depth: deepest, plain });
        Ok(())
    }

    /// Places a split; whether a threshold says it all.
    fn split(&mut self, at: u32, feature: usize, rule: &Rule, left: u32) -> bool {
        // Below MOST_FEATURES, as loaders check.
        let feature = u32::try_from(feature).unwrap_or(0);
        let (threshold, missing_left, special) = match rule {
            Rule::Less { than, missing_left } => (T::nearest(*than), *missing_left, None),
            Rule::AtMost { limit, missing_left, zero_is_missing } => {
                let special = zero_is_missing.then_some(Special::Zero { missing_left: *missing_left });
                (T::above(*limit), *missing_left, special)
            }
            Rule::Category { set, in_set_left, missing_left, negative } => {
                let (set, in_set_left, missing_left, negative) = (set.clone(), *in_set_left, *missing_left, *negative);
                (T::NAN, missing_left, Some(Special::Category { set, in_set_left, missing_left, negative }))
            }
        };
        let feature = feature | if missing_left { MISSING_LEFT } else { 0 };
        self.nodes.push(Node { threshold, feature, left });
        let plain = special.is_none();
        self.specials.extend(special.map(|special| (at, special)));
        plain
    }

    pub(crate) fn trees(&self) -> usize {
        self.trees.len()
    }

    /// About how many steps a row takes, all trees together.
    pub(crate) fn steps(&self) -> usize {
        self.trees.iter().map(|tree| tree.depth as usize + 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stump(left: usize, right: usize, feature: usize) -> SourceTree {
        let rule = Rule::Less { than: 0.5, missing_left: false };
        let split = SourceNode::Split { feature, rule, left, right };
        SourceTree { nodes: vec![split, SourceNode::Leaf(1.0), SourceNode::Leaf(2.0)], group: 0 }
    }

    #[test]
    fn a_tree_that_is_none_is_refused() {
        let of = |tree| Forest::<f32, f32>::new(&[tree], 2).map(|_| ());
        assert_eq!(of(stump(1, 2, 1)), Ok(()));
        assert!(of(stump(1, 7, 1)).unwrap_err().contains("tree 0 has no node 7"));
        assert!(of(stump(0, 2, 1)).unwrap_err().contains("two splits lead to"));
        assert!(of(stump(1, 2, 2)).unwrap_err().contains("reads feature 2 of 2"));
        assert!(of(SourceTree::default()).unwrap_err().contains("no node 0"));
    }

    /// Walks the description itself.
    fn by_the_book(tree: &SourceTree, row: &[f32]) -> f64 {
        let mut at = 0;
        loop {
            match &tree.nodes[at] {
                SourceNode::Leaf(value) => return *value,
                SourceNode::Split { feature, rule, left, right } => {
                    let x = f64::from(row[*feature]);
                    let goes_left = match rule {
                        Rule::Less { missing_left, .. } if x.is_nan() => *missing_left,
                        Rule::Less { than, .. } => x < *than,
                        Rule::AtMost { missing_left, zero_is_missing, .. }
                            if x.is_nan() || (*zero_is_missing && x == 0.0) =>
                        {
                            *missing_left
                        }
                        Rule::AtMost { limit, .. } => x <= *limit,
                        Rule::Category { missing_left, .. } if x.is_nan() => *missing_left,
                        Rule::Category { set, in_set_left, negative, .. } => set.contains(x, *negative) == *in_set_left,
                    };
                    at = if goes_left { *left } else { *right };
                }
            }
        }
    }

    fn value() -> impl Strategy<Value = f32> {
        prop_oneof![4 => (0_u8..8).prop_map(f32::from), 1 => Just(f32::NAN), 1 => Just(f32::INFINITY), 1 => Just(-1.0)]
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let less = (0_u8..8, any::<bool>())
            .prop_map(|(than, missing_left)| Rule::Less { than: f64::from(than), missing_left });
        let at_most = (0_u8..8, any::<bool>(), any::<bool>()).prop_map(|(limit, missing_left, zero_is_missing)| {
            Rule::AtMost { limit: f64::from(limit) - 0.5, missing_left, zero_is_missing }
        });
        let category = (any::<u8>(), any::<bool>(), any::<bool>()).prop_map(|(bits, in_set_left, missing_left)| {
            let (set, negative) = (CategorySet::from_words(&[bits.into()]), Negative::Cut);
            Rule::Category { set, in_set_left, missing_left, negative }
        });
        prop_oneof![less, at_most, category]
    }

    /// Splits grow at random leaves, so trees are of any shape.
    fn tree() -> impl Strategy<Value = SourceTree> {
        let grow = prop::collection::vec((any::<prop::sample::Index>(), 0_usize..3, rule()), 0..24);
        (grow, 0_usize..2).prop_map(|(splits, group)| {
            let mut nodes = vec![SourceNode::Leaf(0.0)];
            for (place, feature, rule) in splits {
                let leaves: Vec<usize> =
                    (0..nodes.len()).filter(|&at| matches!(nodes[at], SourceNode::Leaf(_))).collect();
                let at = *place.get(&leaves);
                let left = nodes.len();
                nodes.push(SourceNode::Leaf(left as f64));
                nodes.push(SourceNode::Leaf(left as f64 + 1.0));
                nodes[at] = SourceNode::Split { feature, rule, left, right: left + 1 };
            }
            SourceTree { nodes, group }
        })
    }

    proptest! {
        #[test]
        fn walks_end_where_the_rules_lead_whatever_the_number_of_rows(
            trees in prop::collection::vec(tree(), 1..20), rows in prop::collection::vec([value(), value(), value()], 1..40),
        ) {
            let forest = Forest::<f32, f64>::new(&trees, 3).unwrap();
            let flat: Vec<f32> = rows.iter().flatten().copied().collect();
            let mut sums = vec![0.5; rows.len() * 2];
            forest.add_to(&flat, 3, &mut sums, 2);

            for (row, sums) in rows.iter().zip(sums.chunks(2)) {
                let mut expected = [0.5, 0.5];
                trees.iter().for_each(|tree| expected[tree.group] += by_the_book(tree, row));
                prop_assert_eq!(sums, expected);
            }
        }
    }
}
