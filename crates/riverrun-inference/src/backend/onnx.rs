//! Text models in ONNX: the graph computes what the native encoder computes of safetensors, its head included.

use std::path::{Path, PathBuf};

use riverrun_onnx::{Dimension, OnnxModel, OnnxOptions, Tensors};
use riverrun_runner::{Compute, Runnable};

use super::{Backend, Output, PackedBatch, Rows, best_backend};
use crate::InferenceError;
use crate::config::ModelConfig;
use crate::encoder::EncoderConfig;

/// Where exporters put the graph of a model of `transformers`.
const SUBDIRECTORY: &str = "onnx";

/// The tensors of a text that exporters declare.
const IDS: &str = "input_ids";
const MASK: &str = "attention_mask";
const TYPES: &str = "token_type_ids";
const POSITIONS: &str = "position_ids";

/// A graph that takes texts as tokens.
pub(crate) struct OnnxText {
    model: OnnxModel,
    config: PathBuf,
    head: Head,
    vocabulary: usize,
    max_tokens: usize,
}

/// What a graph gives, and the names of its outputs.
enum Head {
    /// A row per text, of this width.
    Text { logits: String, width: usize },
    /// A row per token, of this width.
    Tokens { logits: String, width: usize },
    /// Two numbers per token: whether an answer starts and ends there.
    Answer { start: String, end: String },
    /// A hidden state per token, of this width.
    Hidden { states: String, width: usize },
}

/// The graph in `directory`, if its weights are not in safetensors.
pub(crate) fn graph(directory: &Path) -> Option<PathBuf> {
    if ["model.safetensors", "model.safetensors.index.json"].iter().any(|name| directory.join(name).exists()) {
        return None;
    }
    [directory.to_owned(), directory.join(SUBDIRECTORY)].iter().find_map(|directory| only_graph(directory))
}

/// `model.onnx`, or the only graph there is.
fn only_graph(directory: &Path) -> Option<PathBuf> {
    let usual = directory.join("model.onnx");
    if usual.is_file() {
        return Some(usual);
    }
    let files = std::fs::read_dir(directory).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut graphs = files.filter(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    graphs.next().filter(|_| graphs.next().is_none())
}

/// Loads a graph by the backend that was asked for, the one that was best on this machine, or the first that can.
pub(crate) fn load(graph: &Path, asked: Option<riverrun_onnx::BackendKind>) -> Result<OnnxModel, InferenceError> {
    let options = OnnxOptions::new();
    if let Some(asked) = asked {
        return Ok(OnnxModel::load_with(graph, &options.backend(asked))?);
    }
    // What was there when it was measured may be gone.
    if let Some(best) = best_backend::recall(graph)
        && let Ok(model) = OnnxModel::load_with(graph, &options.clone().backend(best))
    {
        return Ok(model);
    }
    Ok(OnnxModel::load_with(graph, &options)?)
}

impl OnnxText {
    pub(crate) fn load(
        graph: &Path, config: &ModelConfig, asked: Option<riverrun_onnx::BackendKind>,
    ) -> Result<Self, InferenceError> {
        let model = load(graph, asked)?;
        let problem = |problem: String| InferenceError::Config { path: config.path().to_owned(), problem };
        let known = [IDS, MASK, TYPES, POSITIONS];
        if let Some(other) = model.inputs().iter().find(|input| !known.contains(&input.name())) {
            return Err(InferenceError::Onnx(riverrun_onnx::OnnxError::Unsupported {
                path: graph.to_owned(),
                problem: format!(
                    "takes the tensor `{}`, which no text has; texts have {}. `riverrun predict` gives a model any tensors",
                    other.name(),
                    known.join(", ")
                ),
            }));
        }
        let size = |name: &str| config.value().get(name)?.as_u64().and_then(|size| usize::try_from(size).ok());
        let vocabulary = size("vocab_size").filter(|size| *size > 0);
        let vocabulary = vocabulary
            .ok_or_else(|| problem("it has no `vocab_size`; copy it from the model's publisher".to_owned()))?;
        let native = EncoderConfig::of(config).map(|config| config.max_tokens());
        let max_tokens = native.ok().or_else(|| size("max_position_embeddings")).unwrap_or(512);
        let hidden = size("hidden_size").or_else(|| size("dim"));
        let head = Head::of(&model, config, vocabulary, hidden).ok_or_else(|| {
            let outputs: Vec<_> = model.outputs().iter().map(|output| format!("`{}`", output.name())).collect();
            problem(format!(
                "its graph gives {}, which is no output that a task reads: logits per text or token, start_logits and \
                 end_logits, or last_hidden_state",
                outputs.join(", ")
            ))
        })?;
        Ok(Self { model, config: config.path().to_owned(), head, vocabulary, max_tokens })
    }

    fn tensors(&self, ids: &[u32], types: &[u32]) -> Tensors {
        let integers = |values: &[u32]| values.iter().map(|&value| i64::from(value)).collect::<Vec<i64>>();
        let mut tensors = Tensors::new();
        for input in self.model.inputs() {
            let values = match input.name() {
                IDS => integers(ids),
                MASK => vec![1; ids.len()],
                TYPES => integers(types),
                _ => (0..).take(ids.len()).collect(),
            };
            tensors = tensors.with(input.name(), values);
        }
        tensors
    }

    /// The rows of one text, in an array of its own.
    fn rows(&self, outputs: &Tensors, tokens: usize) -> Result<Vec<f32>, InferenceError> {
        let wrong = |name: &str, wanted: usize| InferenceError::Batch {
            problem: format!(
                "the output `{name}` of {} does not have the {wanted} numbers that {} promises",
                self.model.path().display(),
                self.config.display()
            ),
        };
        let output = |name: &str, wanted: usize| {
            outputs.elements::<f32>(name).filter(|rows| rows.len() == wanted).ok_or_else(|| wrong(name, wanted))
        };
        Ok(match &self.head {
            Head::Text { logits, width } => output(logits, *width)?.to_vec(),
            Head::Tokens { logits: name, width } | Head::Hidden { states: name, width } => {
                output(name, tokens * width)?.to_vec()
            }
            Head::Answer { start, end } => {
                let (start, end) = (output(start, tokens)?, output(end, tokens)?);
                start.iter().zip(end).flat_map(|(&start, &end)| [start, end]).collect()
            }
        })
    }
}

impl Head {
    fn of(model: &OnnxModel, config: &ModelConfig, vocabulary: usize, hidden: Option<usize>) -> Option<Self> {
        let named = |name: &str| model.outputs().iter().find(|output| output.name() == name);
        if let (Some(start), Some(end)) = (named("start_logits"), named("end_logits")) {
            return Some(Self::Answer { start: start.name().to_owned(), end: end.name().to_owned() });
        }
        let rank = |output: &riverrun_onnx::Declared| output.shape().map(<[Dimension]>::len);
        let last = |output: &riverrun_onnx::Declared| match output.shape()?.last()? {
            Dimension::Fixed(size) => Some(*size),
            Dimension::Open(_) => None,
        };
        if let Some(output) = named("last_hidden_state").or_else(|| named("token_embeddings")) {
            return Some(Self::Hidden { states: output.name().to_owned(), width: last(output).or(hidden)? });
        }
        let output = named("logits").or(match model.outputs() {
            [only] => Some(only),
            _ => None,
        })?;
        let name = output.name().to_owned();
        let class = |ending: &str| config.architectures().iter().any(|class| class.ends_with(ending));
        let per_token = if class("ForMaskedLM") { vocabulary } else { config.labels().len() };
        match rank(output) {
            Some(2) => Some(Self::Text { logits: name, width: last(output).unwrap_or(config.labels().len()) }),
            Some(3) => Some(Self::Tokens { logits: name, width: last(output).unwrap_or(per_token) }),
            None if class("ForSequenceClassification") => {
                Some(Self::Text { logits: name, width: config.labels().len() })
            }
            None if class("ForTokenClassification") || class("ForMaskedLM") => {
                Some(Self::Tokens { logits: name, width: per_token })
            }
            _ => None,
        }
    }
}

impl Backend for OnnxText {
    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    fn width(&self, output: Output<'_>) -> Option<usize> {
        match (&self.head, output) {
            (Head::Text { width, .. }, Output::TextLogits)
            | (Head::Tokens { width, .. }, Output::TokenLogits(_))
            | (Head::Hidden { width, .. }, Output::Hidden(_)) => Some(*width),
            (Head::Answer { .. }, Output::TokenLogits(_)) => Some(2),
            _ => None,
        }
    }

    /// Texts of one length are computed together and nothing is padded: with padding, the sums of a text would depend on the
    /// texts beside it.
    fn compute(&self, batch: &PackedBatch, output: Output<'_>, compute: &Compute) -> Result<Vec<f32>, InferenceError> {
        let Some(width) = self.width(output) else {
            let problem = "the model has no head that could give what is asked for".to_owned();
            return Err(InferenceError::Batch { problem });
        };
        let failed = |error: riverrun_runner::ItemError| InferenceError::Batch { problem: error.to_string() };
        let texts: Vec<(usize, usize)> = batch.offsets().windows(2).map(|text| (text[0], text[1])).collect();
        let mut prepared = Vec::with_capacity(texts.len());
        for &(start, end) in &texts {
            let tensors = self.tensors(&batch.ids()[start..end], &batch.type_ids()[start..end]);
            prepared.push(self.model.prepare(tensors).map_err(failed)?.value);
        }
        let results = self.model.run(prepared, compute).map_err(failed)?;
        let mut out = Vec::new();
        for (&(start, end), result) in texts.iter().zip(results) {
            let rows = self.rows(&result.map_err(failed)?, end - start)?;
            match output {
                Output::TokenLogits(Rows::Chosen(chosen)) | Output::Hidden(Rows::Chosen(chosen)) => {
                    for &place in chosen.iter().filter(|place| (start..end).contains(place)) {
                        out.extend_from_slice(&rows[(place - start) * width..][..width]);
                    }
                }
                _ => out.extend_from_slice(&rows),
            }
        }
        Ok(out)
    }
}
