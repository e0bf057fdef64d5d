//! What goes into the next batch. Nothing here knows of threads.

use super::Batching;

/// What the decision needs to know of a waiting item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Known, or estimated for an item that is not prepared yet.
    pub(crate) cost: usize,
    /// The signature it is for; a batch has one.
    pub(crate) method: usize,
}

/// A batch as it fills.
///
/// Items are offered oldest first until one is refused, so a batch is always a prefix: the oldest is in it and nobody is
/// overtaken. The first is never refused, so an item that costs more than a whole batch may runs alone.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    count: usize,
    cost: usize,
    method: usize,
}

impl Filling {
    /// Whether `candidate` is in the batch.
    pub(crate) fn admits(&mut self, candidate: Candidate, batching: &Batching) -> bool {
        let cost = self.cost.saturating_add(candidate.cost);
        if self.count == 0 {
            self.method = candidate.method;
        } else if self.count >= batching.max_batch_size
            || cost > batching.max_batch_cost
            || candidate.method != self.method
        {
            return false;
        }
        self.count += 1;
        self.cost = cost;
        true
    }
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

    fn alike(costs: &[usize]) -> Vec<Candidate> {
        costs.iter().map(|&cost| Candidate { cost, method: 0 }).collect()
    }

    #[test]
    fn a_batch_reaches_exactly_its_maximum_size() {
        let batching = Batching::default().max_batch_size(4).max_batch_cost(1000);

        assert_eq!(next_batch(alike(&[1; 3]), &batching), 3);
        assert_eq!(next_batch(alike(&[1; 4]), &batching), 4);
        assert_eq!(next_batch(alike(&[1; 9]), &batching), 4);
    }

    #[test]
    fn a_batch_reaches_exactly_its_maximum_cost() {
        let batching = Batching::default().max_batch_cost(100);

        assert_eq!(next_batch(alike(&[40, 60, 1]), &batching), 2);
        assert_eq!(next_batch(alike(&[40, 61, 1]), &batching), 1);
    }

    #[test]
    fn an_item_that_costs_more_than_a_batch_may_runs_alone() {
        let batching = Batching::default().max_batch_cost(100);

        assert_eq!(next_batch(alike(&[101, 1]), &batching), 1);
        assert_eq!(next_batch(alike(&[1, 101]), &batching), 1);
        assert_eq!(next_batch(alike(&[usize::MAX, usize::MAX]), &batching), 1);
    }

    #[test]
    fn a_maximum_size_of_one_works() {
        let batching = Batching::default().max_batch_size(1);

        assert_eq!(next_batch(alike(&[1; 3]), &batching), 1);
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
    }
}
