//! How a model is quantized, and how much it may change by it.

use riverrun_model::ImportOptions;

use super::report::QuantizationReport;
use crate::InferenceError;
use crate::encoder::Precision;

/// The least agreement unless another is asked for.
const MIN_AGREEMENT: f64 = 0.97;

/// Options of [`quantize`](crate::quantize()).
#[derive(Debug, Clone)]
pub struct QuantizeOptions {
    pub(super) precision: Precision,
    pub(super) texts: Option<Vec<String>>,
    min_agreement: f64,
    max_difference: Option<f64>,
    pub(super) import: ImportOptions,
}

impl QuantizeOptions {
    /// To this precision's numbers, with an agreement of 0.97 at least on [texts of this crate](crate::sample_texts).
    #[must_use]
    pub fn new(precision: Precision) -> Self {
        Self {
            precision,
            texts: None,
            min_agreement: MIN_AGREEMENT,
            max_difference: None,
            import: ImportOptions::default(),
        }
    }

    /// The texts to compare on: best some of those that the model is for, and none that it was trained with.
    #[must_use]
    pub fn texts(mut self, texts: Vec<String>) -> Self {
        self.texts = Some(texts);
        self
    }

    /// The least [agreement](QuantizationReport::agreement), from 0 to 1. 0.97 unless changed.
    #[must_use]
    pub fn min_agreement(mut self, share: f64) -> Self {
        self.min_agreement = share;
        self
    }

    /// The largest [mean difference of scores](QuantizationReport::mean_difference). None unless set.
    #[must_use]
    pub fn max_difference(mut self, difference: f64) -> Self {
        self.max_difference = Some(difference);
        self
    }

    /// The name of the new version, instead of the model's own.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.import.name = Some(name.into());
        self
    }

    /// Its version, instead of the model's with the precision behind it.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.import.version = Some(version.into());
        self
    }

    /// Leaves the `latest` pointer of the name where it is.
    #[must_use]
    pub fn no_promote(mut self) -> Self {
        self.import.promote = false;
        self
    }

    /// Whether what was measured is good enough.
    pub(super) fn check(&self, report: &QuantizationReport) -> Result<(), InferenceError> {
        let agreement = (report.agreement < self.min_agreement).then(|| {
            format!(
                "agrees with f32 on {:.2} % ({}) of {} texts, {:.2} points below the {:.2} % that were asked for",
                report.agreement * 100.0,
                report.compared,
                report.texts,
                (self.min_agreement - report.agreement) * 100.0,
                self.min_agreement * 100.0,
            )
        });
        let largest = self.max_difference.filter(|&most| report.mean_difference > most);
        let difference = largest.map(|most| {
            format!(
                "gives scores that differ from those of f32 by {:.4} on average, {:.4} more than the {most} that were asked for",
                report.mean_difference,
                report.mean_difference - most,
            )
        });
        let problems: Vec<String> = agreement.into_iter().chain(difference).collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(InferenceError::NotLikeTheOriginal {
            model: report.from.clone(),
            precision: report.precision,
            problem: problems.join(" and "),
        })
    }
}
