//! Zero-shot classification, as `transformers.pipeline("zero-shot-classification")` defines it: a model of inference between sentences says
//! which of the caller's labels a text implies.

use std::path::Path;

use riverrun_model::InferenceTask;
use riverrun_runner::wire::{Map, Payload, Portable};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::task::{Given, Task, TaskOptions, object, parameters, text_or_object, to_payload};
use super::text_model::{ModelOptions, TextModel, Tokenization, finite, item, model_options};
use crate::InferenceError;
use crate::backend::{Output, Sharing, Tokens};
use crate::kernels::softmax;
use crate::tokenization::Cut;

/// What a label becomes, unless said otherwise.
const TEMPLATE: &str = "This example is {}.";

/// Options of [`ZeroShotClassification`].
#[derive(Debug, Clone, Default)]
pub struct ZeroShotClassificationOptions {
    candidate_labels: Vec<String>,
    hypothesis_template: Option<String>,
    multi_label: bool,
    model: ModelOptions,
}

impl ZeroShotClassificationOptions {
    /// The defaults: each text names its labels, of which one is right.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The labels of texts that name none themselves.
    #[must_use]
    pub fn candidate_labels(mut self, labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.candidate_labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// The sentence that a text is asked to imply, with `{}` in the label's place, instead of `This example is {}.`
    #[must_use]
    pub fn hypothesis_template(mut self, template: impl Into<String>) -> Self {
        self.hypothesis_template = Some(template.into());
        self
    }

    /// Whether several labels may be right: each then has a score of its own between 0 and 1.
    #[must_use]
    pub fn multi_label(mut self, multi_label: bool) -> Self {
        self.multi_label = multi_label;
        self
    }
}

model_options!(ZeroShotClassificationOptions);

impl TaskOptions for ZeroShotClassificationOptions {
    type Task = ZeroShotClassification;

    fn parameters(&self) -> Map {
        let labels = (!self.candidate_labels.is_empty()).then(|| json!(self.candidate_labels));
        let own = [
            ("candidate_labels", labels),
            ("hypothesis_template", self.hypothesis_template.as_ref().map(|template| json!(template))),
            ("multi_label", self.multi_label.then_some(json!(true))),
        ];
        parameters(own.into_iter().chain(self.model.parameters()))
    }

    fn with_parameters(mut self, parameters: &Map) -> Result<Self, InferenceError> {
        let mut given = Given::new(parameters);
        given.set("candidate_labels", &mut self.candidate_labels)?;
        given.set("hypothesis_template", &mut self.hypothesis_template)?;
        given.set("multi_label", &mut self.multi_label)?;
        given.done(&mut self.model)?;
        Ok(self)
    }
}

/// A text and the labels that it may have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZeroShotInput {
    /// The text.
    #[serde(alias = "sequence", alias = "sequences")]
    pub text: String,
    /// The labels, instead of those that the runner was told; in JSON also one string with commas between them.
    #[serde(default, deserialize_with = "labels", skip_serializing_if = "Vec::is_empty")]
    pub candidate_labels: Vec<String>,
    /// The sentence that the text is asked to imply, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypothesis_template: Option<String>,
    /// Whether several labels may be right, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_label: Option<bool>,
}

fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Labels {
        List(Vec<String>),
        Line(String),
    }
    Ok(match Option::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Labels::List(list)) => list,
        Some(Labels::Line(line)) => {
            line.split(',').map(str::trim).filter(|label| !label.is_empty()).map(str::to_owned).collect()
        }
    })
}

impl From<String> for ZeroShotInput {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl From<&str> for ZeroShotInput {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl<S: Into<String>, L: Into<String>, const N: usize> From<(S, [L; N])> for ZeroShotInput {
    fn from((text, labels): (S, [L; N])) -> Self {
        let candidate_labels = labels.into_iter().map(Into::into).collect();
        Self { text: text.into(), candidate_labels, ..Self::default() }
    }
}

/// A text's labels with their scores, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZeroShotResult {
    /// The text.
    pub sequence: String,
    /// The labels.
    pub labels: Vec<String>,
    /// Their scores, in the order of the labels.
    pub scores: Vec<f32>,
}

/// Says which of the caller's labels fit a text.
pub struct ZeroShotClassification {
    model: TextModel,
    width: usize,
    entailment: usize,
    options: ZeroShotClassificationOptions,
}

/// A text as a batch holds it: a pair for each label.
#[derive(Debug, Clone)]
pub struct TokenizedHypotheses {
    pairs: Vec<Tokens>,
    text: String,
    labels: Vec<String>,
    multi_label: bool,
}

impl Task for ZeroShotClassification {
    type Options = ZeroShotClassificationOptions;

    const TASK: InferenceTask = InferenceTask::ZeroShotClassification;

    /// A model of inference between sentences is a text classifier.
    fn suits(task: InferenceTask) -> bool {
        matches!(task, InferenceTask::ZeroShotClassification | InferenceTask::TextClassification)
    }

    fn load_from(
        directory: &Path, options: ZeroShotClassificationOptions, sharing: Sharing,
    ) -> Result<Self, InferenceError> {
        let tokenization = Tokenization { cut: Cut::First, ..Tokenization::default() };
        let model = TextModel::load(directory, &options.model, tokenization, sharing)?;
        let wanted = "a class that ends in ForSequenceClassification";
        let width = model.width(Output::TextLogits, Self::TASK.name(), wanted)?;
        let labels = model.config.labels();
        let entails = |label: &String| label.to_lowercase().starts_with("entail");
        let Some(entailment) = labels.iter().position(entails) else {
            return Err(InferenceError::Config {
                path: model.config.path().to_owned(),
                problem: format!(
                    "none of the labels ({}) is `entailment`, so this is no model of inference between sentences; name the label \
                     in `id2label`",
                    labels.join(", ")
                ),
            });
        };
        if width < 2 {
            return Err(InferenceError::Config {
                path: model.config.path().to_owned(),
                problem: "the model has one label alone, and a contradiction is wanted beside it".to_owned(),
            });
        }
        if let Some(template) = &options.hypothesis_template {
            check(template).map_err(|problem| InferenceError::Config {
                path: model.config.path().to_owned(),
                problem: problem.to_string(),
            })?;
        }
        Ok(Self { model, width, entailment, options })
    }
}

fn check(template: &str) -> Result<(), ItemError> {
    if template.contains("{}") {
        return Ok(());
    }
    Err(ItemError::new(format!("the hypothesis template `{template}` has no `{{}}`, where the label would stand")))
}

impl ZeroShotClassification {
    fn result(&self, text: &TokenizedHypotheses, logits: &[f32]) -> Result<ZeroShotResult, ItemError> {
        finite(logits)?;
        let rows = logits.chunks_exact(self.width);
        let mut scores: Vec<f32> = if text.multi_label || text.labels.len() == 1 {
            // The last label, unless entailment is it.
            let contradiction = if self.entailment == 0 { self.width - 1 } else { 0 };
            let score = |row: &[f32]| {
                let mut pair = [row[contradiction], row[self.entailment]];
                softmax(self.model.cpu, &mut pair, 1.0);
                pair[1]
            };
            rows.map(score).collect()
        } else {
            let mut scores: Vec<f32> = rows.map(|row| row[self.entailment]).collect();
            softmax(self.model.cpu, &mut scores, 1.0);
            scores
        };
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        order.reverse();
        let labels = order.iter().map(|&label| text.labels[label].clone()).collect();
        scores = order.iter().map(|&label| scores[label]).collect();
        Ok(ZeroShotResult { sequence: text.text.clone(), labels, scores })
    }
}

impl Runnable for ZeroShotClassification {
    type Input = ZeroShotInput;
    type Prepared = TokenizedHypotheses;
    type Output = ZeroShotResult;

    fn prepare(&self, input: ZeroShotInput) -> Result<Prepared<TokenizedHypotheses>, ItemError> {
        let ZeroShotInput { text, candidate_labels, hypothesis_template, multi_label } = input;
        let labels = if candidate_labels.is_empty() { self.options.candidate_labels.clone() } else { candidate_labels };
        if labels.is_empty() {
            return Err(ItemError::new("the text has no `candidate_labels`; give at least one"));
        }
        if text.is_empty() {
            return Err(ItemError::new("the text is empty, so it implies nothing; give one with words"));
        }
        let template = hypothesis_template.or_else(|| self.options.hypothesis_template.clone());
        let template = template.as_deref().unwrap_or(TEMPLATE);
        check(template)?;
        let pair = |label: &String| {
            self.model.tokenizer.tokenize(&text, Some(&template.replacen("{}", label, 1))).map_err(item)
        };
        let pairs = labels.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        let cost = pairs.iter().map(|pair| pair.ids.len()).sum();
        let multi_label = multi_label.unwrap_or(self.options.multi_label);
        Ok(Prepared { value: TokenizedHypotheses { pairs, text, labels, multi_label }, cost })
    }

    fn truncated(&self) -> u64 {
        self.model.tokenizer.truncated()
    }

    fn run(
        &self, batch: Vec<TokenizedHypotheses>, compute: &Compute,
    ) -> Result<Vec<Result<ZeroShotResult, ItemError>>, ItemError> {
        let logits = self.model.text_logits(batch.iter().flat_map(|text| &text.pairs), compute)?;
        let mut rest = logits.as_slice();
        let of_text = |text: &TokenizedHypotheses| {
            let (own, others) = rest.split_at(text.pairs.len() * self.width);
            rest = others;
            self.result(text, own)
        };
        Ok(batch.iter().map(of_text).collect())
    }

    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        let prepared = self.prepare(("A text of the length that many have.", ["short", "long"]).into())?;
        self.run(vec![prepared.value], compute)?.into_iter().try_for_each(|result| result.map(drop))
    }
}

/// A text is an object `{"text", "candidate_labels", "hypothesis_template", "multi_label"}`, or a string where the runner was told the labels.
impl Portable for ZeroShotClassification {
    fn to_payload(input: &ZeroShotInput) -> Payload {
        to_payload(input)
    }

    fn from_payload(payload: Payload) -> Result<ZeroShotInput, ItemError> {
        let wanted = "an object is wanted with `text` and `candidate_labels` and, if you like, `hypothesis_template` and `multi_label`";
        match payload {
            text @ Payload::Text(_) => text_or_object(text, wanted),
            payload => object(payload, wanted),
        }
    }

    fn input_schema() -> Value {
        let labels = json!({
            "oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}],
            "description": "The labels; in a string with commas between them.",
        });
        let object = json!({
            "type": "object",
            "required": ["text"],
            "additionalProperties": false,
            "properties": {
                "text": {"type": "string"},
                "candidate_labels": labels,
                "hypothesis_template": {"type": ["string", "null"]},
                "multi_label": {"type": ["boolean", "null"]},
            },
            "example": {"text": "My flight was cancelled", "candidate_labels": ["travel", "cooking"]},
        });
        json!({"oneOf": [object, {"type": "string"}]})
    }

    fn output_schema() -> Value {
        json!({
            "type": "object",
            "required": ["sequence", "labels", "scores"],
            "properties": {
                "sequence": {"type": "string"},
                "labels": {"type": "array", "items": {"type": "string"}},
                "scores": {"type": "array", "items": {"type": "number"}},
            },
        })
    }
}
