//! What a model is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a model is for, by the names that `transformers` and the Hugging Face hub give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum InferenceTask {
    /// One label, or several, for a text.
    TextClassification,
    /// One label for each token of a text.
    TokenClassification,
    /// Hidden states, for embeddings.
    FeatureExtraction,
    /// Labels that the caller names, for a text.
    ZeroShotClassification,
    /// The words that may stand where a text has a gap.
    FillMask,
    /// The place of a text that answers a question.
    QuestionAnswering,
    /// How well texts answer a query.
    TextRanking,
    /// One label, or several, for an image.
    ImageClassification,
    /// A class for a row of a table.
    TabularClassification,
    /// A number for a row of a table.
    TabularRegression,
}

impl InferenceTask {
    /// Every task there is.
    pub const ALL: [Self; 10] = [
        Self::TextClassification,
        Self::TokenClassification,
        Self::FeatureExtraction,
        Self::ZeroShotClassification,
        Self::FillMask,
        Self::QuestionAnswering,
        Self::TextRanking,
        Self::ImageClassification,
        Self::TabularClassification,
        Self::TabularRegression,
    ];

    /// The task of a model class of `transformers`, as the `architectures` of a `config.json` name it.
    ///
    /// ```
    /// use riverrun_model::InferenceTask;
    ///
    /// assert_eq!(
    ///     InferenceTask::of_architecture("BertForSequenceClassification"),
    ///     Some(InferenceTask::TextClassification)
    /// );
    /// assert_eq!(InferenceTask::of_architecture("WhisperForConditionalGeneration"), None);
    /// ```
    pub fn of_architecture(architecture: &str) -> Option<Self> {
        const BY_ENDING: [(&str, InferenceTask); 5] = [
            ("ForSequenceClassification", InferenceTask::TextClassification),
            ("ForTokenClassification", InferenceTask::TokenClassification),
            ("ForMaskedLM", InferenceTask::FillMask),
            ("ForQuestionAnswering", InferenceTask::QuestionAnswering),
            ("ForImageClassification", InferenceTask::ImageClassification),
        ];
        let known = BY_ENDING.iter().find(|(ending, _)| architecture.ends_with(ending)).map(|(_, task)| *task);
        let encoder = architecture.ends_with("Model") && !architecture.contains("LMHead");
        known.or(encoder.then_some(Self::FeatureExtraction))
    }

    /// Its name, as in `text-classification`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TextClassification => "text-classification",
            Self::TokenClassification => "token-classification",
            Self::FeatureExtraction => "feature-extraction",
            Self::ZeroShotClassification => "zero-shot-classification",
            Self::FillMask => "fill-mask",
            Self::QuestionAnswering => "question-answering",
            Self::TextRanking => "text-ranking",
            Self::ImageClassification => "image-classification",
            Self::TabularClassification => "tabular-classification",
            Self::TabularRegression => "tabular-regression",
        }
    }
}

impl fmt::Display for InferenceTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for InferenceTask {
    type Err = String;

    /// Reads a name, also one that `transformers` has for the same: `ner`, `sentiment-analysis`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ner" => return Ok(Self::TokenClassification),
            "sentiment-analysis" => return Ok(Self::TextClassification),
            "sentence-similarity" => return Ok(Self::FeatureExtraction),
            _ => {}
        }
        Self::ALL
            .into_iter()
            .find(|task| task.name() == text)
            .ok_or_else(|| format!("`{text}` is no task; the tasks are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_found_by_the_name_it_is_written_with() {
        for task in InferenceTask::ALL {
            assert_eq!(task.name().parse(), Ok(task));
            assert_eq!(serde_json::to_value(task).unwrap(), task.name());
        }
        assert_eq!("ner".parse(), Ok(InferenceTask::TokenClassification));
        assert!("poetry".parse::<InferenceTask>().unwrap_err().contains("text-classification, "));
    }
}
