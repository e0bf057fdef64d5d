//! Feature extraction, as `transformers.pipeline("feature-extraction")` defines it: a vector for each token.

use std::path::Path;

use riverrun_model::InferenceTask;
use riverrun_runner::wire::{Map, Payload, Portable};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::task::{Given, Task, TaskOptions, parameters, text_or_object, to_payload};
use super::text_model::{ModelOptions, TextModel, Tokenization, finite, item, model_options};
use crate::InferenceError;
use crate::backend::{Output, PackedBatch, Rows, Sharing, Tokens};

/// Options of [`FeatureExtraction`].
#[derive(Debug, Clone, Default)]
pub struct FeatureExtractionOptions {
    model: ModelOptions,
}

impl FeatureExtractionOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

model_options!(FeatureExtractionOptions);

impl TaskOptions for FeatureExtractionOptions {
    type Task = FeatureExtraction;

    fn parameters(&self) -> Map {
        parameters(self.model.parameters())
    }

    fn with_parameters(mut self, parameters: &Map) -> Result<Self, InferenceError> {
        let given = Given::new(parameters);
        given.done(&mut self.model)?;
        Ok(self)
    }
}

/// A text whose tokens get vectors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureExtractionInput {
    /// The text.
    pub text: String,
}

impl From<String> for FeatureExtractionInput {
    fn from(text: String) -> Self {
        Self { text }
    }
}

impl From<&str> for FeatureExtractionInput {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Gives every token of a text the model's hidden state, `[tokens, hidden]`, special tokens included.
///
/// One vector for the whole text is what [`SentenceEmbeddings`](crate::SentenceEmbeddings) gives.
pub struct FeatureExtraction {
    model: TextModel,
    width: usize,
}

impl Task for FeatureExtraction {
    type Options = FeatureExtractionOptions;

    const TASK: InferenceTask = InferenceTask::FeatureExtraction;

    /// Every encoder has hidden states, whatever its head is for.
    fn suits(task: InferenceTask) -> bool {
        takes_text(task)
    }

    fn load_from(
        directory: &Path, options: FeatureExtractionOptions, sharing: Sharing,
    ) -> Result<Self, InferenceError> {
        let model = TextModel::load(directory, &options.model, Tokenization::default(), sharing)?;
        let width = model.width(Output::Hidden(Rows::EveryToken), Self::TASK.name(), "hidden states")?;
        Ok(Self { model, width })
    }
}

/// Whether the models of this task are encoders of texts.
pub(crate) fn takes_text(task: InferenceTask) -> bool {
    !matches!(
        task,
        InferenceTask::ImageClassification | InferenceTask::TabularClassification | InferenceTask::TabularRegression
    )
}

impl Runnable for FeatureExtraction {
    type Input = FeatureExtractionInput;
    type Prepared = Tokens;
    type Output = Vec<Vec<f32>>;

    fn prepare(&self, input: FeatureExtractionInput) -> Result<Prepared<Tokens>, ItemError> {
        let tokens = self.model.tokenizer.tokenize(&input.text, None).map_err(item)?;
        Ok(Prepared { cost: tokens.ids.len(), value: tokens })
    }

    fn truncated(&self) -> u64 {
        self.model.tokenizer.truncated()
    }

    fn run(&self, batch: Vec<Tokens>, compute: &Compute) -> Result<Vec<Result<Vec<Vec<f32>>, ItemError>>, ItemError> {
        let packed = PackedBatch::new(&batch);
        let states = self.model.compute(&packed, Output::Hidden(Rows::EveryToken), compute)?;
        let mut rows = states.chunks_exact(self.width);
        let of_text = |tokens: &Tokens| {
            let rows: Vec<Vec<f32>> = rows.by_ref().take(tokens.ids.len()).map(<[f32]>::to_vec).collect();
            rows.iter().try_for_each(|row| finite(row))?;
            Ok(rows)
        };
        Ok(batch.iter().map(of_text).collect())
    }

    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        let prepared = self.prepare("A text of the length that many have.".into())?;
        self.run(vec![prepared.value], compute)?.into_iter().try_for_each(|result| result.map(drop))
    }
}

/// A text is a string, or an object `{"text"}`.
impl Portable for FeatureExtraction {
    fn to_payload(input: &FeatureExtractionInput) -> Payload {
        to_payload(input)
    }

    fn from_payload(payload: Payload) -> Result<FeatureExtractionInput, ItemError> {
        text_or_object(payload, "a text is wanted: a string, or an object with `text`")
    }

    fn input_schema() -> Value {
        let object = json!({
            "type": "object",
            "required": ["text"],
            "additionalProperties": false,
            "properties": {"text": {"type": "string"}},
        });
        json!({"oneOf": [{"type": "string", "example": "What a lovely day"}, object]})
    }

    fn output_schema() -> Value {
        json!({"type": "array", "items": {"type": "array", "items": {"type": "number"}}})
    }
}
