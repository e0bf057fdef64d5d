//! Options of a model.

/// Options of [`TreeModel::load_with`](crate::TreeModel::load_with).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeOptions {
    pub(crate) raw_scores: bool,
    pub(crate) rounds: Option<usize>,
}

impl TreeOptions {
    /// The defaults: predictions of all trees, as the libraries' `predict` gives them.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the trees' sums instead of probabilities and the like: `output_margin=True` of XGBoost, `raw_score=True` of
    /// LightGBM.
    #[must_use]
    pub fn raw_scores(mut self) -> Self {
        self.raw_scores = true;
        self
    }

    /// Takes only the trees of the first boosting rounds: `iteration_range=(0, n)` of XGBoost, `num_iteration=n` of LightGBM.
    /// All by default, also where training noted a best one.
    #[must_use]
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = Some(rounds);
        self
    }
}
