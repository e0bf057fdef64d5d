//! Reranking with a cross-encoder, as `sentence_transformers.CrossEncoder.rank` defines it: how well documents answer a query.

use std::path::Path;

use riverrun_model::InferenceTask;
use riverrun_runner::wire::{Map, Payload, Portable};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::task::{Given, Task, TaskOptions, object, parameters};
use super::text_model::{ModelOptions, TextModel, Tokenization, finite, item, model_options, sigmoid};
use crate::InferenceError;
use crate::backend::{Output, Sharing, Tokens};

/// Options of [`TextRanking`].
#[derive(Debug, Clone, Default)]
pub struct TextRankingOptions {
    top_k: Option<usize>,
    return_documents: bool,
    raw_scores: bool,
    model: ModelOptions,
}

impl TextRankingOptions {
    /// The defaults: all documents by their places, with scores between 0 and 1 unless the model's configuration says otherwise.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many of the best documents are given; all by default.
    #[must_use]
    pub fn top_k(mut self, top_k: usize) -> Self {
        self.top_k = Some(top_k);
        self
    }

    /// Whether the documents stand beside their scores.
    #[must_use]
    pub fn return_documents(mut self, return_documents: bool) -> Self {
        self.return_documents = return_documents;
        self
    }

    /// Whether scores are the model's logits, whatever its configuration says.
    #[must_use]
    pub fn raw_scores(mut self, raw: bool) -> Self {
        self.raw_scores = raw;
        self
    }
}

model_options!(TextRankingOptions);

impl TaskOptions for TextRankingOptions {
    type Task = TextRanking;

    fn parameters(&self) -> Map {
        let own = [
            ("top_k", self.top_k.map(|top_k| json!(top_k))),
            ("return_documents", self.return_documents.then_some(json!(true))),
            ("raw_scores", self.raw_scores.then_some(json!(true))),
        ];
        parameters(own.into_iter().chain(self.model.parameters()))
    }

    fn with_parameters(mut self, parameters: &Map) -> Result<Self, InferenceError> {
        let mut given = Given::new(parameters);
        given.set("top_k", &mut self.top_k)?;
        given.set("return_documents", &mut self.return_documents)?;
        given.set("raw_scores", &mut self.raw_scores)?;
        given.done(&mut self.model)?;
        Ok(self)
    }
}

/// A query and the documents that may answer it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextRankingInput {
    /// The query.
    pub query: String,
    /// The documents.
    #[serde(alias = "texts")]
    pub documents: Vec<String>,
    /// How many of the best are given, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// Whether the documents stand beside their scores, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_documents: Option<bool>,
}

impl TextRankingInput {
    /// `documents` by how well they answer `query`.
    pub fn new(query: impl Into<String>, documents: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { query: query.into(), documents: documents.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

/// A document and how well it answers the query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankedDocument {
    /// Its place among the documents, from 0 on.
    pub corpus_id: usize,
    /// The score: the higher, the better it answers.
    pub score: f32,
    /// The document, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Puts documents in the order of how well they answer a query.
pub struct TextRanking {
    model: TextModel,
    sigmoid: bool,
    top_k: Option<usize>,
    return_documents: bool,
}

/// A query and its documents as a batch holds them.
#[derive(Debug, Clone)]
pub struct TokenizedDocuments {
    pairs: Vec<Tokens>,
    /// Empty unless they are asked for.
    documents: Vec<String>,
    top_k: Option<usize>,
}

impl Task for TextRanking {
    type Options = TextRankingOptions;

    const TASK: InferenceTask = InferenceTask::TextRanking;

    /// A cross-encoder is a text classifier with one label.
    fn suits(task: InferenceTask) -> bool {
        matches!(task, InferenceTask::TextRanking | InferenceTask::TextClassification)
    }

    fn load_from(directory: &Path, options: TextRankingOptions, sharing: Sharing) -> Result<Self, InferenceError> {
        let model = TextModel::load(directory, &options.model, Tokenization::default(), sharing)?;
        let wanted = "a class that ends in ForSequenceClassification";
        let width = model.width(Output::TextLogits, Self::TASK.name(), wanted)?;
        let problem = |problem: String| Err(InferenceError::Config { path: model.config.path().to_owned(), problem });
        if width != 1 {
            return problem(format!(
                "the model has {width} labels, and reranking needs a cross-encoder with one; classify pairs with it instead"
            ));
        }
        // Where `sentence-transformers` notes it, by its version.
        let value = model.config.value();
        let noted = value
            .get("sbert_ce_default_activation_function")
            .or_else(|| value.get("sentence_transformers")?.get("activation_fn"))
            .and_then(Value::as_str);
        let sigmoid = match noted.map(|name| name.rsplit('.').next().unwrap_or(name)) {
            None | Some("Sigmoid") => true,
            Some("Identity") => false,
            Some(other) => {
                return problem(format!(
                    "the activation `{other}` of scores is not implemented, only Sigmoid and Identity are"
                ));
            }
        };
        let (top_k, return_documents) = (options.top_k, options.return_documents);
        Ok(Self { model, sigmoid: sigmoid && !options.raw_scores, top_k, return_documents })
    }
}

impl TextRanking {
    fn rank(&self, item: &TokenizedDocuments, logits: &[f32]) -> Result<Vec<RankedDocument>, ItemError> {
        finite(logits)?;
        let mut order: Vec<(usize, f32)> = logits.iter().copied().enumerate().collect();
        // Stable: of equal scores the first document stays first.
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        order.truncate(item.top_k.unwrap_or(order.len()));
        let ranked = |(corpus_id, logit): (usize, f32)| RankedDocument {
            corpus_id,
            score: if self.sigmoid { sigmoid(logit) } else { logit },
            text: item.documents.get(corpus_id).cloned(),
        };
        Ok(order.into_iter().map(ranked).collect())
    }
}

impl Runnable for TextRanking {
    type Input = TextRankingInput;
    type Prepared = TokenizedDocuments;
    type Output = Vec<RankedDocument>;

    fn prepare(&self, input: TextRankingInput) -> Result<Prepared<TokenizedDocuments>, ItemError> {
        let pair =
            |document: &String| self.model.tokenizer.tokenize(input.query.trim(), Some(document.trim())).map_err(item);
        let pairs = input.documents.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        let cost = pairs.iter().map(|pair| pair.ids.len()).sum::<usize>().max(1);
        let keep = input.return_documents.unwrap_or(self.return_documents);
        let documents = if keep { input.documents } else { Vec::new() };
        Ok(Prepared { value: TokenizedDocuments { pairs, documents, top_k: input.top_k.or(self.top_k) }, cost })
    }

    fn truncated(&self) -> u64 {
        self.model.tokenizer.truncated()
    }

    fn run(
        &self, batch: Vec<TokenizedDocuments>, compute: &Compute,
    ) -> Result<Vec<Result<Vec<RankedDocument>, ItemError>>, ItemError> {
        let logits = self.model.text_logits(batch.iter().flat_map(|item| &item.pairs), compute)?;
        let mut rest = logits.as_slice();
        let of_item = |item: &TokenizedDocuments| {
            let (own, others) = rest.split_at(item.pairs.len());
            rest = others;
            self.rank(item, own)
        };
        Ok(batch.iter().map(of_item).collect())
    }

    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        let prepared = self.prepare(TextRankingInput::new("How long?", ["A text of the length that many have."]))?;
        self.run(vec![prepared.value], compute)?.into_iter().try_for_each(|result| result.map(drop))
    }
}

/// An item is an object `{"query", "documents", "top_k", "return_documents"}` of which the last two may be absent.
impl Portable for TextRanking {
    fn to_payload(input: &TextRankingInput) -> Payload {
        super::task::to_payload(input)
    }

    fn from_payload(payload: Payload) -> Result<TextRankingInput, ItemError> {
        object(
            payload,
            "an object is wanted with `query` and `documents`, a list of texts, and, if you like, `top_k` and `return_documents`",
        )
    }

    fn input_schema() -> Value {
        json!({
            "type": "object",
            "required": ["query", "documents"],
            "additionalProperties": false,
            "properties": {
                "query": {"type": "string"},
                "documents": {"type": "array", "items": {"type": "string"}},
                "top_k": {"type": ["integer", "null"], "minimum": 0},
                "return_documents": {"type": ["boolean", "null"]},
            },
            "example": {"query": "Who wrote Frankenstein?", "documents": ["Mary Shelley wrote it.", "It is a monster."]},
        })
    }

    fn output_schema() -> Value {
        let document = json!({
            "type": "object",
            "required": ["corpus_id", "score"],
            "properties": {"corpus_id": {"type": "integer"}, "score": {"type": "number"}, "text": {"type": "string"}},
        });
        json!({"type": "array", "items": document})
    }
}
