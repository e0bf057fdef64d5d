//! Text classification, as `transformers.pipeline("text-classification")` defines it.

mod input;
mod label;
mod labelling;
mod options;
mod portable;

use std::path::Path;

use riverrun_model::InferenceTask;
use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};
use serde::{Deserialize, Serialize};

pub use input::TextInput;
pub use label::Label;
pub(crate) use labelling::Labelling;
pub use options::{FunctionToApply, TextClassificationOptions, TopK};

use crate::InferenceError;
use crate::backend::{Output, Sharing, Tokens};
use crate::tasks::task::Task;
use crate::tasks::text_model::{TextModel, Tokenization, item};

/// A label and how well it fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The label, as the model's `id2label` has it.
    pub label: Label,
    /// The score, after [`FunctionToApply`].
    pub score: f32,
}

/// A text as a batch holds it.
#[derive(Debug, Clone)]
pub struct TokenizedText {
    tokens: Tokens,
    top_k: Option<TopK>,
    function: Option<FunctionToApply>,
}

impl TokenizedText {
    /// Its tokens.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }
}

/// Gives texts the labels of a model.
pub struct TextClassification {
    model: TextModel,
    labelling: Labelling,
}

impl TextClassification {
    /// Loads the model in `directory`: `config.json`, `tokenizer.json` and `model.safetensors`.
    ///
    /// # Errors
    /// A file is missing, damaged or does not fit the others; the model is none that is implemented; an option is
    /// impossible for it.
    pub fn load(directory: impl AsRef<Path>, options: TextClassificationOptions) -> Result<Self, InferenceError> {
        <Self as Task>::load(directory, options)
    }

    /// A runner of a model that this process does not have: to be bound to a service that has it, or to a process of its own. Its
    /// `init_local` is an error; a model of the store has [`ModelExt::to_runner`](crate::ModelExt::to_runner).
    pub fn runner(name: impl Into<String>) -> Runner<Self> {
        Self::runner_with(name, &TextClassificationOptions::new())
    }

    /// As [`runner`](Self::runner), with the options that the service is asked for with every text.
    pub fn runner_with(name: impl Into<String>, options: &TextClassificationOptions) -> Runner<Self> {
        <Self as Task>::runner_with(name, options)
    }

    /// How many tokens a text may have.
    #[must_use]
    pub fn max_length(&self) -> usize {
        self.model.tokenizer.limit()
    }

    /// The labels in the order of the model.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labelling.labels
    }
}

impl Task for TextClassification {
    type Options = TextClassificationOptions;

    const TASK: InferenceTask = InferenceTask::TextClassification;

    fn load_from(
        directory: &Path, options: TextClassificationOptions, sharing: Sharing,
    ) -> Result<Self, InferenceError> {
        let model = TextModel::load(directory, &options.model, Tokenization::default(), sharing)?;
        let wanted = "a class that ends in ForSequenceClassification";
        model.width(Output::TextLogits, Self::TASK.name(), wanted)?;
        let labels: Vec<Label> = model.config.labels().iter().map(|label| label.as_str().into()).collect();
        let problem_type = model.config.problem_type();
        let function = options.function.unwrap_or_else(|| FunctionToApply::default_of(problem_type, labels.len()));
        let labelling = Labelling { cpu: model.cpu, labels, function, top_k: options.top_k };
        Ok(Self { model, labelling })
    }
}

impl Runnable for TextClassification {
    type Input = TextInput;
    type Prepared = TokenizedText;
    type Output = Vec<Classification>;

    fn prepare(&self, input: TextInput) -> Result<Prepared<TokenizedText>, ItemError> {
        // `transformers` takes an empty second text for none.
        let pair = input.text_pair.as_deref().filter(|pair| !pair.is_empty());
        let tokens = self.model.tokenizer.tokenize(&input.text, pair).map_err(item)?;
        let cost = tokens.ids.len();
        Ok(Prepared { value: TokenizedText { tokens, top_k: input.top_k, function: input.function_to_apply }, cost })
    }

    fn truncated(&self) -> u64 {
        self.model.tokenizer.truncated()
    }

    fn run(
        &self, batch: Vec<TokenizedText>, compute: &Compute,
    ) -> Result<Vec<Result<Vec<Classification>, ItemError>>, ItemError> {
        let mut logits = self.model.text_logits(batch.iter().map(|text| &text.tokens), compute)?;
        let rows = logits.chunks_exact_mut(self.labels().len().max(1));
        let label = |(text, logits): (&TokenizedText, _)| self.labelling.label(logits, text.top_k, text.function);
        Ok(batch.iter().zip(rows).map(label).collect())
    }

    /// Classifies a short text and one of some fifty tokens.
    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        let texts = ["Warm up.".to_owned(), "A text of the length that many have. ".repeat(6)];
        let batch = texts
            .into_iter()
            .map(|text| Ok::<_, ItemError>(self.prepare(text.into())?.value))
            .collect::<Result<_, ItemError>>()?;
        self.run(batch, compute)?.into_iter().try_for_each(|result| result.map(drop))
    }
}

impl std::fmt::Debug for TextClassification {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TextClassification")
            .field("labels", &self.labels())
            .field("function", &self.labelling.function)
            .field("top_k", &self.labelling.top_k)
            .finish_non_exhaustive()
    }
}
