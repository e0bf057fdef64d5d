//! Two models on the same texts.

use std::path::Path;

use riverrun_model::{InferenceTask, Model};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};

use super::report::{Compared, QuantizationReport};
use super::tally::Tally;
use crate::InferenceError;
use crate::backend::{Output, PackedBatch, Rows, Sharing, Tokens};
use crate::config::ModelConfig;
use crate::encoder::{EncoderConfig, HeadKind};
use crate::kernels::softmax;
use crate::tasks::sentence_embeddings::SentenceEmbeddings;
use crate::tasks::task::Task;
use crate::tasks::text_classification::FunctionToApply;
use crate::tasks::text_model::{ModelOptions, TextModel, Tokenization, finite, item, sigmoid};
use crate::tokenization::Cut;

/// Texts that are computed between two reports of progress.
const TOGETHER: usize = 64;

/// What texts are searched for by a model that answers questions.
const QUESTION: &str = "Who or what is it about?";

/// Compares the model in `rounded` with `model` in 32-bit floats, on `texts`.
pub(super) fn compare(
    model: &Model, rounded: &Path, config: &ModelConfig, texts: &[String], progress: &dyn Fn(usize, usize),
) -> Result<QuantizationReport, InferenceError> {
    let way = Way::of(model, config)?;
    let precision = ModelConfig::read(rounded)?.precision().unwrap_or_default();
    let (full, rounded) = (Side::load(way, model.path())?, Side::load(way, rounded)?);
    let mut tally = Tally::new(way.compared());
    for (batch, first) in texts.chunks(TOGETHER).zip((0..).step_by(TOGETHER)) {
        progress(first, texts.len());
        // Of pairs the second one is the next text.
        let pair = |index: usize| texts[(first + index + 1) % texts.len()].clone();
        let inputs = || batch.iter().enumerate().map(|(index, text)| way.input(text, || pair(index))).collect();
        let both = full.scores(inputs())?.into_iter().zip(rounded.scores(inputs())?);
        for (number, (full, rounded)) in (first + 1..).zip(both) {
            let failed = |problem: String| InferenceError::Sample { number, problem };
            let full = full.map_err(|problem| failed(format!("in f32: {problem}")))?;
            let rounded = rounded.map_err(|problem| {
                let next = "a smaller change of the weights may do: int8-faithful or bf16";
                failed(format!("in {precision}, though not in f32: {problem}; {next}"))
            })?;
            tally.add(full, rounded);
        }
    }
    progress(texts.len(), texts.len());
    Ok(tally.report(model.tag().to_string(), precision, texts.len()))
}

/// What is asked of the models, and what of their results is compared.
#[derive(Clone, Copy)]
enum Way {
    /// A row of scores for a text, or a pair of texts.
    Labels { function: FunctionToApply, several: bool, pairs: bool },
    /// A row for each token.
    Tokens,
    /// A row over the tokens for the start of an answer, and one for its end.
    Answers,
    /// A row over the vocabulary, for a token of the text that is replaced by this one.
    Gap { mask: u32 },
    /// An embedding for a text.
    Embeddings,
}

/// A text, and the second of a pair.
type Input = (String, Option<String>);

impl Way {
    fn of(model: &Model, config: &ModelConfig) -> Result<Self, InferenceError> {
        Ok(match EncoderConfig::of(config)?.head() {
            HeadKind::None => Self::Embeddings,
            HeadKind::Token => Self::Tokens,
            HeadKind::Questions => Self::Answers,
            HeadKind::Masked => {
                let loaded =
                    TextModel::load(model.path(), &ModelOptions::default(), Tokenization::default(), Sharing::Own)?;
                match &loaded.tokenizer.special().mask {
                    Some((mask, _)) => Self::Gap { mask: *mask },
                    // It can fill no gaps, but give embeddings.
                    None => Self::Embeddings,
                }
            }
            HeadKind::Sequence => {
                let labels = config.labels().len();
                let function = FunctionToApply::default_of(config.problem_type(), labels);
                let task = model.metadata().task;
                let pairs = matches!(task, Some(InferenceTask::TextRanking | InferenceTask::ZeroShotClassification));
                Self::Labels { function, several: labels > 1, pairs }
            }
        })
    }

    fn compared(self) -> Compared {
        match self {
            Self::Labels { function: FunctionToApply::Softmax, .. } => Compared::BestLabel,
            Self::Labels { function: FunctionToApply::Sigmoid, several: true, .. } => Compared::Labels,
            Self::Labels { .. } => Compared::Order,
            Self::Tokens => Compared::TokenLabels,
            Self::Answers | Self::Gap { .. } => Compared::Answer,
            Self::Embeddings => Compared::Cosine,
        }
    }

    fn input(self, text: &str, next: impl FnOnce() -> String) -> Input {
        match self {
            Self::Labels { pairs: true, .. } => (text.to_owned(), Some(next())),
            Self::Answers => (QUESTION.to_owned(), Some(text.to_owned())),
            _ => (text.to_owned(), None),
        }
    }
}

/// One of the two models, on all idle cores.
enum Side {
    Scores(Runner<Scores>),
    Embeddings(Runner<SentenceEmbeddings>),
}

/// Rows of scores, or why there are none.
type Scored = Result<Vec<Vec<f32>>, String>;

impl Side {
    fn load(way: Way, directory: &Path) -> Result<Self, InferenceError> {
        let name = directory.display().to_string();
        if let Way::Embeddings = way {
            let runner = Runner::new(name, SentenceEmbeddings::load(directory, Default::default())?);
            runner.init_local()?;
            return Ok(Self::Embeddings(runner));
        }
        let cut = if let Way::Answers = way { Cut::Second } else { Cut::default() };
        let tokenization = Tokenization { cut, ..Tokenization::default() };
        let model = TextModel::load(directory, &ModelOptions::default(), tokenization, Sharing::Own)?;
        let runner = Runner::new(name, Scores { model, way });
        runner.init_local()?;
        Ok(Self::Scores(runner))
    }

    fn scores(&self, inputs: Vec<Input>) -> Result<Vec<Scored>, InferenceError> {
        Ok(match self {
            Self::Scores(runner) => {
                let results = runner.run_batch(inputs)?.into_iter();
                results.map(|result| result.map_err(|error| error.to_string())).collect()
            }
            Self::Embeddings(runner) => {
                let texts: Vec<String> = inputs.into_iter().map(|(text, _)| text).collect();
                let results = runner.run_batch(texts)?.into_iter();
                results.map(|result| result.map(|row| vec![row]).map_err(|error| error.to_string())).collect()
            }
        })
    }
}

/// Gives all scores of a text, not only those that a task shows.
struct Scores {
    model: TextModel,
    way: Way,
}

impl Scores {
    /// The scores of the logits of one text.
    fn of(&self, mut logits: Vec<f32>) -> Result<Vec<Vec<f32>>, ItemError> {
        finite(&logits)?;
        let cpu = self.model.cpu;
        let labels = self.model.config.labels().len().max(1);
        match self.way {
            Way::Labels { function, .. } => {
                match function {
                    FunctionToApply::Softmax => softmax(cpu, &mut logits, 1.0),
                    FunctionToApply::Sigmoid => logits.iter_mut().for_each(|logit| *logit = sigmoid(*logit)),
                    FunctionToApply::None => {}
                }
                Ok(vec![logits])
            }
            Way::Tokens => {
                logits.chunks_exact_mut(labels).for_each(|row| softmax(cpu, row, 1.0));
                Ok(logits.chunks_exact(labels).map(<[f32]>::to_vec).collect())
            }
            Way::Answers => {
                let end = |place: usize| {
                    let mut row: Vec<f32> = logits.iter().skip(place).step_by(2).copied().collect();
                    softmax(cpu, &mut row, 1.0);
                    row
                };
                Ok(vec![end(0), end(1)])
            }
            Way::Gap { .. } | Way::Embeddings => {
                softmax(cpu, &mut logits, 1.0);
                Ok(vec![logits])
            }
        }
    }
}

impl Runnable for Scores {
    type Input = Input;
    type Prepared = Tokens;
    type Output = Vec<Vec<f32>>;

    fn prepare(&self, (text, pair): Input) -> Result<Prepared<Tokens>, ItemError> {
        let mut tokens = self.model.tokenizer.tokenize(&text, pair.as_deref()).map_err(item)?;
        if let Way::Gap { mask } = self.way {
            let middle = tokens.ids.len() / 2;
            tokens.ids.iter_mut().skip(middle).take(1).for_each(|id| *id = mask);
        }
        Ok(Prepared { cost: tokens.ids.len(), value: tokens })
    }

    fn run(&self, batch: Vec<Tokens>, compute: &Compute) -> Result<Vec<Result<Vec<Vec<f32>>, ItemError>>, ItemError> {
        let packed = PackedBatch::new(&batch);
        let gaps: Vec<usize> =
            batch.iter().zip(packed.offsets()).map(|(text, first)| first + text.ids.len() / 2).collect();
        let output = match self.way {
            Way::Labels { .. } => Output::TextLogits,
            Way::Gap { .. } => Output::TokenLogits(Rows::Chosen(&gaps)),
            _ => Output::TokenLogits(Rows::EveryToken),
        };
        let logits = self.model.compute(&packed, output, compute)?;
        let width = self.model.backend.width(output).unwrap_or_default();
        let mut rest = logits.into_iter();
        let of_text = |text: &Tokens| {
            let rows = if let Output::TokenLogits(Rows::EveryToken) = output { text.ids.len() } else { 1 };
            self.of(rest.by_ref().take(rows * width).collect())
        };
        Ok(batch.iter().map(of_text).collect())
    }
}
