//! Sentence embeddings, as `sentence-transformers` defines them: one vector for a text.

mod modules;
mod options;
mod pooling;

use std::path::Path;

use riverrun_model::InferenceTask;
use riverrun_runner::wire::{Datatype, Payload, Portable, Tensor, TensorSpec};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable};
use serde_json::{Value, json};

pub use options::{SentenceEmbeddingsInput, SentenceEmbeddingsOptions};
pub use pooling::Pooling;

use self::modules::Modules;
use self::pooling::normalize;
use super::feature_extraction::takes_text;
use super::task::{Task, text_or_object, to_payload};
use super::text_model::{TextModel, Tokenization, finite, item};
use crate::InferenceError;
use crate::backend::{Output, PackedBatch, Rows, Sharing, Tokens};

const EMBEDDING: &str = "embedding";

/// Gives texts vectors that are near each other where the texts mean the same.
///
/// How the vectors of tokens are pooled and whether the result is normalized stands in `modules.json` where `sentence-transformers` saved
/// the model; otherwise it is their mean, not normalized.
pub struct SentenceEmbeddings {
    model: TextModel,
    modules: Modules,
    /// Elements of a token's vector.
    width: usize,
    /// Elements that are left of a text's.
    dimensions: usize,
    normalize: bool,
    prompt: Option<String>,
}

impl SentenceEmbeddings {
    /// How many elements an embedding has.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// What stands before a text.
    fn prompt(&self, name: Option<&str>) -> Result<&str, ItemError> {
        let Some(name) = name.or(self.prompt.as_deref()) else { return Ok("") };
        self.modules.prompts.get(name).map(String::as_str).ok_or_else(|| {
            let known: Vec<&str> = self.modules.prompts.keys().map(String::as_str).collect();
            ItemError::new(format!("the model has no prompt `{name}`; it has {}", listed(&known)))
        })
    }

    fn embedding(&self, rows: &[f32]) -> Result<Vec<f32>, ItemError> {
        let mut embedding = Vec::with_capacity(self.width * self.modules.poolings.len());
        for pooling in &self.modules.poolings {
            pooling.pool(rows, self.width, &mut embedding);
        }
        finite(&embedding)?;
        if self.modules.normalize {
            normalize(&mut embedding);
        }
        embedding.truncate(self.dimensions);
        if self.normalize {
            normalize(&mut embedding);
        }
        Ok(embedding)
    }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Task for SentenceEmbeddings {
    type Options = SentenceEmbeddingsOptions;

    const TASK: InferenceTask = InferenceTask::FeatureExtraction;

    /// Every encoder has hidden states, whatever its head is for.
    fn suits(task: InferenceTask) -> bool {
        takes_text(task)
    }

    fn load_from(
        directory: &Path, options: SentenceEmbeddingsOptions, sharing: Sharing,
    ) -> Result<Self, InferenceError> {
        let mut modules = Modules::read(directory)?;
        let tokenization = Tokenization { most: modules.max_length, ..Tokenization::default() };
        let model = TextModel::load(directory, &options.model, tokenization, sharing)?;
        let width = model.width(Output::Hidden(Rows::EveryToken), Self::TASK.name(), "hidden states")?;
        if let Some(pooling) = options.pooling {
            modules.poolings = vec![pooling];
        }
        if modules.poolings.is_empty() {
            modules.poolings.push(Pooling::Mean);
        }
        let all = width * modules.poolings.len();
        let problem = |problem: String| Err(InferenceError::Config { path: model.config.path().to_owned(), problem });
        let dimensions = options.dimensions.unwrap_or(all);
        if dimensions == 0 || dimensions > all {
            return problem(format!("{dimensions} dimensions are not possible for this model; choose 1 to {all}"));
        }
        let prompt = options.prompt_name.or_else(|| modules.default_prompt.clone());
        if let Some(name) = &prompt
            && !modules.prompts.contains_key(name)
        {
            let known: Vec<&str> = modules.prompts.keys().map(String::as_str).collect();
            return problem(format!("the model has no prompt `{name}`; it has {}", listed(&known)));
        }
        Ok(Self { model, modules, width, dimensions, normalize: options.normalize, prompt })
    }
}

impl Runnable for SentenceEmbeddings {
    type Input = SentenceEmbeddingsInput;
    type Prepared = Tokens;
    type Output = Vec<f32>;

    fn prepare(&self, input: SentenceEmbeddingsInput) -> Result<Prepared<Tokens>, ItemError> {
        let text = format!("{}{}", self.prompt(input.prompt_name.as_deref())?, input.text);
        let text = text.trim();
        let lowered = self.modules.lower_case.then(|| text.to_lowercase());
        let tokens = self.model.tokenizer.tokenize(lowered.as_deref().unwrap_or(text), None).map_err(item)?;
        Ok(Prepared { cost: tokens.ids.len(), value: tokens })
    }

    fn truncated(&self) -> u64 {
        self.model.tokenizer.truncated()
    }

    fn run(&self, batch: Vec<Tokens>, compute: &Compute) -> Result<Vec<Result<Vec<f32>, ItemError>>, ItemError> {
        let packed = PackedBatch::new(&batch);
        let only = |tokens: &Tokens| match self.modules.poolings.as_slice() {
            [pooling] => pooling.only_token(tokens.ids.len()),
            _ => None,
        };
        let chosen: Option<Vec<usize>> =
            batch.iter().zip(packed.offsets()).map(|(tokens, &start)| Some(start + only(tokens)?)).collect();
        let rows = chosen.as_deref().map_or(Rows::EveryToken, Rows::Chosen);
        let states = self.model.compute(&packed, Output::Hidden(rows), compute)?;
        let mut rest = states.as_slice();
        let of_text = |tokens: &Tokens| {
            let rows = if chosen.is_some() { 1 } else { tokens.ids.len() };
            let (own, others) = rest.split_at(rows * self.width);
            rest = others;
            self.embedding(own)
        };
        Ok(batch.iter().map(of_text).collect())
    }

    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        let prepared = self.prepare("A text of the length that many have.".into())?;
        self.run(vec![prepared.value], compute)?.into_iter().try_for_each(|result| result.map(drop))
    }
}

/// A text is a string, or an object `{"text", "prompt_name"}`; the answer is a list of numbers.
///
/// As tensors of the Open Inference Protocol the answer is `embedding`, `FP32` of shape `[n, dimensions]`.
impl Portable for SentenceEmbeddings {
    fn to_payload(input: &SentenceEmbeddingsInput) -> Payload {
        to_payload(input)
    }

    fn from_payload(payload: Payload) -> Result<SentenceEmbeddingsInput, ItemError> {
        text_or_object(payload, "a text is wanted: a string, or an object with `text` and, if you like, `prompt_name`")
    }

    fn tensor_outputs() -> Vec<TensorSpec> {
        vec![TensorSpec { name: EMBEDDING.to_owned(), datatype: Datatype::Fp32, shape: vec![-1, -1] }]
    }

    fn outputs_to_tensors(outputs: &[&Vec<f32>]) -> Result<Vec<Tensor>, ItemError> {
        let width = outputs.first().map_or(0, |embedding| embedding.len());
        let all: Vec<f32> = outputs.iter().flat_map(|embedding| embedding.iter().copied()).collect();
        Ok(vec![Tensor::fp32(EMBEDDING, &all).reshape(vec![outputs.len() as u64, width as u64])?])
    }

    fn outputs_from_tensors(tensors: Vec<Tensor>, items: usize) -> Result<Vec<Vec<f32>>, ItemError> {
        let only = tensors.len() == 1;
        let tensor = tensors.into_iter().find(|tensor| only || tensor.name() == EMBEDDING);
        let tensor = tensor.ok_or_else(|| ItemError::new(format!("a tensor `{EMBEDDING}` is wanted in the answer")))?;
        let values = tensor.to_fp32()?;
        if items == 0 || values.len() % items != 0 || values.is_empty() {
            return Err(ItemError::new(format!("{} numbers came for {items} texts", values.len())));
        }
        Ok(values.chunks_exact(values.len() / items).map(<[f32]>::to_vec).collect())
    }

    fn input_schema() -> Value {
        let object = json!({
            "type": "object",
            "required": ["text"],
            "additionalProperties": false,
            "properties": {
                "text": {"type": "string"},
                "prompt_name": {"type": ["string", "null"], "description": "Which of the model's prompts stands before it."},
            },
        });
        json!({"oneOf": [{"type": "string", "example": "What a lovely day"}, object]})
    }

    fn output_schema() -> Value {
        json!({"type": "array", "items": {"type": "number"}})
    }
}
