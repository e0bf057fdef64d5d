//! From logits to labels, of texts and of images.

use riverrun_runner::ItemError;

use super::{Classification, FunctionToApply, Label, TopK};
use crate::kernels::{Cpu, softmax};
use crate::tasks::text_model::{finite, sigmoid};

/// How the logits of a classifier become labels with scores.
pub(crate) struct Labelling {
    pub(crate) cpu: Cpu,
    pub(crate) labels: Vec<Label>,
    pub(crate) function: FunctionToApply,
    pub(crate) top_k: TopK,
}

impl Labelling {
    /// The best labels, sorted by their scores; `top_k` and `function` of the item go before what was set for all.
    pub(crate) fn label(
        &self, logits: &mut [f32], top_k: Option<TopK>, function: Option<FunctionToApply>,
    ) -> Result<Vec<Classification>, ItemError> {
        finite(logits)?;
        match function.unwrap_or(self.function) {
            FunctionToApply::Softmax => softmax(self.cpu, logits, 1.0),
            FunctionToApply::Sigmoid => logits.iter_mut().for_each(|logit| *logit = sigmoid(*logit)),
            FunctionToApply::None => {}
        }
        let mut scores: Vec<(usize, f32)> = logits.iter().copied().enumerate().collect();
        // Stable: of equal scores the first label stays first.
        scores.sort_by(|a, b| b.1.total_cmp(&a.1));
        scores.truncate(match top_k.unwrap_or(self.top_k) {
            TopK::Best => 1,
            TopK::Some(count) => count,
            TopK::All => scores.len(),
        });
        let labelled = |(label, score): (usize, f32)| Classification { label: self.labels[label].clone(), score };
        Ok(scores.into_iter().map(labelled).collect())
    }
}
