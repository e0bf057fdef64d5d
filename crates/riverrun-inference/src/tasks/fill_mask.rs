//! Fill-mask, as `transformers.pipeline("fill-mask")` defines it: which tokens may stand where a text has a gap.

use std::path::Path;

use riverrun_model::InferenceTask;
use riverrun_runner::wire::{Map, Payload, Portable};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::one_or_many::OneOrMany;
use super::task::{Given, Task, TaskOptions, parameters, text_or_object, to_payload};
use super::text_model::{ModelOptions, TextModel, Tokenization, finite, item, model_options};
use crate::InferenceError;
use crate::backend::{Output, PackedBatch, Rows, Sharing, Tokens};
use crate::kernels::softmax;

/// How many tokens a gap gets, unless said otherwise.
const TOP_K: usize = 5;

/// Options of [`FillMask`].
#[derive(Debug, Clone, Default)]
pub struct FillMaskOptions {
    top_k: Option<usize>,
    targets: Vec<String>,
    model: ModelOptions,
}

impl FillMaskOptions {
    /// The defaults: the five likeliest tokens of all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tokens a gap gets, best first.
    #[must_use]
    pub fn top_k(mut self, top_k: usize) -> Self {
        self.top_k = Some(top_k);
        self
    }

    /// The only words that are looked at; of one that is no token of the model the first token stands for it.
    #[must_use]
    pub fn targets(mut self, targets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.targets = targets.into_iter().map(Into::into).collect();
        self
    }
}

model_options!(FillMaskOptions);

impl TaskOptions for FillMaskOptions {
    type Task = FillMask;

    fn parameters(&self) -> Map {
        let own = [
            ("top_k", self.top_k.map(|top_k| json!(top_k))),
            ("targets", (!self.targets.is_empty()).then(|| json!(self.targets))),
        ];
        parameters(own.into_iter().chain(self.model.parameters()))
    }

    fn with_parameters(mut self, parameters: &Map) -> Result<Self, InferenceError> {
        let mut given = Given::new(parameters);
        given.set("top_k", &mut self.top_k)?;
        given.set("targets", &mut self.targets)?;
        given.done(&mut self.model)?;
        Ok(self)
    }
}

/// A text with a mask in it, and what is asked for it in particular.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillMaskInput {
    /// The text, with the model's mask token (`[MASK]` or `<mask>`) in each gap.
    pub text: String,
    /// How many tokens a gap gets, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// The only words that are looked at, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<String>>,
}

impl From<String> for FillMaskInput {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl From<&str> for FillMaskInput {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A token that may stand in a gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilledMask {
    /// How likely it is, between 0 and 1.
    pub score: f32,
    /// Its id.
    pub token: u32,
    /// How it reads.
    pub token_str: String,
    /// The text with it.
    pub sequence: String,
}

/// Finds tokens for the gaps of texts.
pub struct FillMask {
    model: TextModel,
    width: usize,
    mask: u32,
    /// The mask's name, for messages.
    mask_name: String,
    top_k: usize,
    targets: Vec<u32>,
}

/// A text as a batch holds it.
#[derive(Debug, Clone)]
pub struct MaskedText {
    tokens: Tokens,
    /// Where the masks are among its tokens.
    masks: Vec<usize>,
    top_k: usize,
    /// Ids that alone are looked at; all if there are none.
    targets: Vec<u32>,
}

impl Task for FillMask {
    type Options = FillMaskOptions;

    const TASK: InferenceTask = InferenceTask::FillMask;

    fn load_from(directory: &Path, options: FillMaskOptions, sharing: Sharing) -> Result<Self, InferenceError> {
        let model = TextModel::load(directory, &options.model, Tokenization::default(), sharing)?;
        let wanted = "a class that ends in ForMaskedLM";
        let width = model.width(Output::TokenLogits(Rows::EveryToken), Self::TASK.name(), wanted)?;
        let no_head = || InferenceError::NoHead {
            path: model.config.path().to_owned(),
            found: model.config.architectures().join(", "),
            task: Self::TASK.name(),
            wanted,
        };
        if width != model.backend.vocabulary() {
            return Err(no_head());
        }
        let Some((mask, mask_name)) = model.tokenizer.special().mask.clone() else {
            return Err(InferenceError::Tokenizer {
                path: directory.join("tokenizer.json"),
                problem: "it has no mask token, which stands for what is looked for".to_owned(),
            });
        };
        let mut task =
            Self { model, width, mask, mask_name, top_k: options.top_k.unwrap_or(TOP_K), targets: Vec::new() };
        if !options.targets.is_empty() {
            task.targets = task
                .ids_of(&options.targets)
                .map_err(|error| InferenceError::Text { problem: format!("the targets are impossible: {error}") })?;
        }
        Ok(task)
    }
}

impl FillMask {
    /// Each id once, those of unknown words left out.
    fn ids_of(&self, targets: &[String]) -> Result<Vec<u32>, ItemError> {
        let mut ids = Vec::with_capacity(targets.len());
        for target in targets {
            let id = match self.model.tokenizer.id(target) {
                Some(id) => Some(id),
                None => self.model.tokenizer.first_token(target).map_err(item)?,
            };
            ids.extend(id);
        }
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Err(ItemError::new("none of the `targets` is a token of the model; give at least one that is"));
        }
        Ok(ids)
    }

    fn fill(&self, text: &MaskedText, logits: &mut [f32]) -> Result<OneOrMany<Vec<FilledMask>>, ItemError> {
        finite(logits)?;
        let mut gaps = Vec::with_capacity(text.masks.len());
        for (&mask, row) in text.masks.iter().zip(logits.chunks_exact_mut(self.width)) {
            softmax(self.model.cpu, row, 1.0);
            let mut scores: Vec<(u32, f32)> = if text.targets.is_empty() {
                (0..).zip(row.iter().copied()).collect()
            } else {
                text.targets.iter().map(|&id| (id, row[id as usize])).collect()
            };
            let better = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
            let count = text.top_k.min(scores.len());
            if count < scores.len() {
                scores.select_nth_unstable_by(count, better);
                scores.truncate(count);
            }
            scores.sort_unstable_by(better);
            let filled = scores.into_iter().map(|(id, score)| self.filled(text, mask, id, score));
            gaps.push(filled.collect::<Result<Vec<_>, _>>().map_err(item)?);
        }
        Ok(gaps.into())
    }

    fn filled(&self, text: &MaskedText, mask: usize, id: u32, score: f32) -> Result<FilledMask, InferenceError> {
        let mut ids = text.tokens.ids.clone();
        ids[mask] = id;
        ids.retain(|&id| Some(id) != self.model.tokenizer.special().padding);
        // The other masks of a text are special tokens, too, and stay.
        let sequence = self.model.tokenizer.decode(&ids, text.masks.len() == 1)?;
        Ok(FilledMask { score, token: id, token_str: self.model.tokenizer.decode(&[id], false)?, sequence })
    }
}

impl Runnable for FillMask {
    type Input = FillMaskInput;
    type Prepared = MaskedText;
    /// The tokens of its gap; a list of those of each gap where there are several.
    type Output = OneOrMany<Vec<FilledMask>>;

    fn prepare(&self, input: FillMaskInput) -> Result<Prepared<MaskedText>, ItemError> {
        let tokens = self.model.tokenizer.tokenize(&input.text, None).map_err(item)?;
        let masks: Vec<usize> = (0..tokens.ids.len()).filter(|&token| tokens.ids[token] == self.mask).collect();
        if masks.is_empty() {
            let (name, limit) = (&self.mask_name, self.model.tokenizer.limit());
            return Err(ItemError::new(format!(
                "the text has no `{name}` within the {limit} tokens that the model takes; put one where a token is looked for"
            )));
        }
        let targets = match &input.targets {
            Some(targets) => self.ids_of(targets)?,
            None => self.targets.clone(),
        };
        let cost = tokens.ids.len();
        Ok(Prepared { value: MaskedText { tokens, masks, top_k: input.top_k.unwrap_or(self.top_k), targets }, cost })
    }

    fn truncated(&self) -> u64 {
        self.model.tokenizer.truncated()
    }

    fn run(
        &self, batch: Vec<MaskedText>, compute: &Compute,
    ) -> Result<Vec<Result<OneOrMany<Vec<FilledMask>>, ItemError>>, ItemError> {
        let packed = PackedBatch::new(batch.iter().map(|text| &text.tokens));
        let places = batch.iter().zip(packed.offsets());
        let chosen: Vec<usize> =
            places.flat_map(|(text, start)| text.masks.iter().map(move |mask| start + mask)).collect();
        let mut logits = self.model.compute(&packed, Output::TokenLogits(Rows::Chosen(&chosen)), compute)?;
        let mut rest = logits.as_mut_slice();
        let mut filled = Vec::with_capacity(batch.len());
        for text in &batch {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(text.masks.len() * self.width);
            rest = others;
            filled.push(self.fill(text, own));
        }
        Ok(filled)
    }

    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        let prepared = self.prepare(format!("A {} of the length that many have.", self.mask_name).into())?;
        self.run(vec![prepared.value], compute)?.into_iter().try_for_each(|result| result.map(drop))
    }
}

/// A text is a string, or an object `{"text", "top_k", "targets"}` of which all but the first may be absent.
impl Portable for FillMask {
    fn to_payload(input: &FillMaskInput) -> Payload {
        to_payload(input)
    }

    fn from_payload(payload: Payload) -> Result<FillMaskInput, ItemError> {
        text_or_object(
            payload,
            "a text with a mask is wanted: a string, or an object with `text` and, if you like, `top_k` and `targets`",
        )
    }

    fn input_schema() -> Value {
        let object = json!({
            "type": "object",
            "required": ["text"],
            "additionalProperties": false,
            "properties": {
                "text": {"type": "string"},
                "top_k": {"type": ["integer", "null"], "minimum": 0},
                "targets": {"type": ["array", "null"], "items": {"type": "string"}},
            },
        });
        json!({"oneOf": [{"type": "string", "example": "Paris is the [MASK] of France."}, object]})
    }

    fn output_schema() -> Value {
        let token = json!({
            "type": "object",
            "required": ["score", "token", "token_str", "sequence"],
            "properties": {
                "score": {"type": "number"},
                "token": {"type": "integer"},
                "token_str": {"type": "string"},
                "sequence": {"type": "string"},
            },
        });
        let gap = json!({"type": "array", "items": token});
        json!({"anyOf": [gap, {"type": "array", "items": gap}]})
    }
}
