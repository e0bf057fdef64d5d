//! What goes into the next batch. Nothing here knows of threads.

use std::fmt;

use super::Batching;

/// What the decision needs to know of a waiting item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Known, or estimated for an item that is not prepared yet.
    pub(crate) cost: usize,
    /// The signature it is for; a batch has one.
    pub(crate) method: usize,
}

/// Why a batch was not larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchCut {
    /// A caller computed its own item on an idle permit: it did not wait at all.
    Alone,
    /// Nothing else waited.
    Drained,
    /// It had reached `max_batch_size`.
    Size,
    /// The rest was left to the batches computed beside it, so that all are about as large.
    Share,
    /// The next item would have made it cost more than `max_batch_cost`.
    Cost,
    /// The next item was for another method.
    Method,
}

impl BatchCut {
    /// All there are.
    pub const ALL: [Self; 6] = [Self::Alone, Self::Drained, Self::Size, Self::Share, Self::Cost, Self::Method];

    /// A word for it, as in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Drained => "drained",
            Self::Size => "size",
            Self::Share => "share",
            Self::Cost => "cost",
            Self::Method => "method",
        }
    }
}

impl fmt::Display for BatchCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A batch as it fills.
///
/// Items are offered in their order until one is refused, so a batch is always a prefix: the first is in it and nobody is
/// overtaken. The first is never refused, so an item that costs more than a whole batch may runs alone.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    count: usize,
    cost: usize,
    method: usize,
    cut: Option<BatchCut>,
}

impl Filling {
    /// Whether `candidate` is in the batch.
    pub(crate) fn admits(&mut self, candidate: Candidate, batching: &Batching) -> bool {
        let cost = self.cost.saturating_add(candidate.cost);
        if self.count == 0 {
            self.method = candidate.method;
        } else {
            self.cut = if candidate.method != self.method {
                Some(BatchCut::Method)
            } else if self.count >= batching.max_batch_size {
                Some(BatchCut::Size)
            } else if cost > batching.max_batch_cost {
                Some(BatchCut::Cost)
            } else {
                None
            };
            if self.cut.is_some() {
                return false;
            }
        }
        self.count += 1;
        self.cost = cost;
        true
    }

    /// Why it has no more items.
    pub(crate) fn cut(&self) -> BatchCut {
        self.cut.unwrap_or(BatchCut::Drained)
    }
}

/// Chooses a batch for a runnable that pads to the longest item: the first of `costs` and those most like it.
///
/// `costs` are the items that could be in it, in their order. Of all runs of like costs around the first that stay within
/// the limits, the one with the most items, and of those the one that pads least. The rest keeps its order. Since the first is
/// always chosen, an item waits for at most as many batches as items were before it, whatever comes after.
///
/// Gives the chosen indices in ascending order, and why there are no more.
pub(crate) fn alike(costs: &[usize], batching: &Batching) -> (Vec<usize>, BatchCut) {
    let Some(&anchor) = costs.first() else { return (Vec::new(), BatchCut::Drained) };
    let mut sorted: Vec<usize> = (0..costs.len()).collect();
    sorted.sort_by_key(|&index| costs[index]);
    // Of equal costs the first comes first, so this is its place.
    let at = sorted.partition_point(|&index| costs[index] < anchor);
    let admitted = |from: usize, to: usize| {
        let (items, longest) = (to - from, costs[sorted[to - 1]]);
        items == 1 || (items <= batching.max_batch_size && items.saturating_mul(longest) <= batching.max_batch_cost)
    };
    // For each longest item the run reaches as far down as the limits allow; the place only moves up with it.
    let (mut best, mut from) = (at..at + 1, 0);
    for to in at + 1..=sorted.len() {
        while from < at && !admitted(from, to) {
            from += 1;
        }
        if !admitted(from, to) {
            break;
        }
        let padding = |from: usize, to: usize| {
            let longest = costs[sorted[to - 1]];
            sorted[from..to].iter().map(|&index| longest - costs[index]).fold(0, usize::saturating_add)
        };
        let more = (to - from).cmp(&best.len());
        if more.is_gt() || (more.is_eq() && padding(from, to) < padding(best.start, best.end)) {
            best = from..to;
        }
    }
    let cut = if best.len() == costs.len() {
        BatchCut::Drained
    } else if best.len() >= batching.max_batch_size {
        BatchCut::Size
    } else {
        BatchCut::Cost
    };
    let mut chosen = sorted[best].to_vec();
    chosen.sort_unstable();
    (chosen, cut)
}

/// How many of `waiting`, oldest first, make up the next batch.
#[cfg(test)]
pub(crate) fn next_batch(waiting: impl IntoIterator<Item = Candidate>, batching: &Batching) -> usize {
    let mut filling = Filling::default();
    waiting.into_iter().take_while(|candidate| filling.admits(*candidate, batching)).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidates(costs: &[(usize, usize)]) -> Vec<Candidate> {
        costs.iter().map(|&(cost, method)| Candidate { cost, method }).collect()
    }

    fn of_cost(costs: &[usize]) -> Vec<Candidate> {
        costs.iter().map(|&cost| Candidate { cost, method: 0 }).collect()
    }

    #[test]
    fn a_batch_reaches_exactly_its_maximum_size() {
        let batching = Batching::default().max_batch_size(4).max_batch_cost(1000);

        assert_eq!(next_batch(of_cost(&[1; 3]), &batching), 3);
        assert_eq!(next_batch(of_cost(&[1; 4]), &batching), 4);
        assert_eq!(next_batch(of_cost(&[1; 9]), &batching), 4);
    }

    #[test]
    fn a_batch_reaches_exactly_its_maximum_cost() {
        let batching = Batching::default().max_batch_cost(100);

        assert_eq!(next_batch(of_cost(&[40, 60, 1]), &batching), 2);
        assert_eq!(next_batch(of_cost(&[40, 61, 1]), &batching), 1);
    }

    #[test]
    fn an_item_that_costs_more_than_a_batch_may_runs_alone() {
        let batching = Batching::default().max_batch_cost(100);

        assert_eq!(next_batch(of_cost(&[101, 1]), &batching), 1);
        assert_eq!(next_batch(of_cost(&[1, 101]), &batching), 1);
        assert_eq!(next_batch(of_cost(&[usize::MAX, usize::MAX]), &batching), 1);
    }

    #[test]
    fn a_maximum_size_of_one_works() {
        let batching = Batching::default().max_batch_size(1);

        assert_eq!(next_batch(of_cost(&[1; 3]), &batching), 1);
    }

    proptest! {
        #[test]
        fn a_batch_is_the_longest_prefix_within_the_limits(
            costs in prop::collection::vec((0usize..300, 0usize..2), 0..100),
            size in 1usize..70,
            cost in 1usize..600,
        ) {
            let batching = Batching::default().max_batch_size(size).max_batch_cost(cost);
            let fits = |count: usize| {
                count == 1 || (count <= size
                    && costs[..count].iter().map(|item| item.0).sum::<usize>() <= cost
                    && costs[..count].iter().all(|item| item.1 == costs[0].1))
            };
            let expected = (1..=costs.len()).take_while(|&count| fits(count)).last().unwrap_or(0);

            prop_assert_eq!(next_batch(candidates(&costs), &batching), expected);
        }

        #[test]
        fn repeated_batches_serve_every_item_once_and_in_order(
            costs in prop::collection::vec((0usize..300, 0usize..2), 0..100),
            size in 1usize..70,
        ) {
            let batching = Batching::default().max_batch_size(size);
            let mut rest = candidates(&costs);
            let mut served = Vec::new();
            while !rest.is_empty() {
                let count = next_batch(rest.iter().copied(), &batching);
                prop_assert!(count > 0);
                served.extend(rest.drain(..count));
            }

            prop_assert_eq!(served, candidates(&costs));
        }

        #[test]
        fn like_items_are_batched_around_the_first_within_the_limits(
            costs in prop::collection::vec(1usize..300, 1..60),
            size in 1usize..20,
            cost in 1usize..2000,
        ) {
            let batching = Batching::default().max_batch_size(size).max_batch_cost(cost);
            let (chosen, cut) = alike(&costs, &batching);

            prop_assert_eq!(chosen[0], 0, "the first is in it");
            prop_assert!(chosen.is_sorted_by(|a, b| a < b), "nobody is in it twice");
            let longest = chosen.iter().map(|&index| costs[index]).max().unwrap();
            prop_assert!(chosen.len() == 1 || (chosen.len() <= size && chosen.len() * longest <= cost));
            prop_assert_eq!(cut == BatchCut::Drained, chosen.len() == costs.len());
            // No run of like costs around the first has more.
            let mut sorted = costs.clone();
            sorted.sort_unstable();
            let most = (0..sorted.len())
                .flat_map(|from| (from + 1..=sorted.len()).map(move |to| (from, to)))
                .filter(|&(from, to)| sorted[from] <= costs[0] && costs[0] <= sorted[to - 1])
                .filter(|&(from, to)| to - from <= size && (to - from) * sorted[to - 1] <= cost)
                .map(|(from, to)| to - from)
                .max()
                .unwrap_or(1);
            prop_assert!(chosen.len() >= most, "{} of {} possible", chosen.len(), most);
        }

        #[test]
        fn nobody_waits_for_more_batches_than_items_were_before_it(
            costs in prop::collection::vec(1usize..300, 1..60),
            later in prop::collection::vec(1usize..300, 0..200),
        ) {
            let batching = Batching::default().max_batch_size(4).max_batch_cost(400);
            let mut waiting: Vec<(usize, usize)> = costs.iter().copied().enumerate().collect();
            let mut arrivals = later.into_iter().enumerate().map(|(n, cost)| (costs.len() + n, cost));
            let mut batch = 0;
            while !waiting.is_empty() {
                let (chosen, _) = alike(&waiting.iter().map(|item| item.1).collect::<Vec<_>>(), &batching);
                for &index in chosen.iter().rev() {
                    waiting.remove(index);
                }
                batch += 1;
                // Those that were there at first are all served after as many batches.
                prop_assert!(batch < costs.len() || waiting.iter().all(|item| item.0 >= costs.len()));
                waiting.extend(arrivals.by_ref().take(6));
            }
        }
    }
}
