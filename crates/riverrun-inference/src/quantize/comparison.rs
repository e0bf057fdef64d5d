//! Two models on the same texts.

use std::collections::BTreeSet;
use std::path::Path;

use riverrun_model::{InferenceTask, Model};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};

use super::report::{Compared, QuantizationReport};
use crate::InferenceError;
use crate::backend::{Output, PackedBatch, Rows, Sharing, Tokens};
use crate::config::ModelConfig;
use crate::encoder::{EncoderConfig, HeadKind};
use crate::kernels::softmax;
use crate::tasks::sentence_embeddings::SentenceEmbeddings;
use crate::tasks::task::Task;
use crate::tasks::text_classification::FunctionToApply;
use crate::tasks::text_model::{ModelOptions, TextModel, Tokenization, best, finite, item, sigmoid};
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

/// What was compared so far.
struct Tally {
    compared: Compared,
    /// How often both gave the same, of how many times.
    same: f64,
    times: f64,
    sum: f64,
    differences: f64,
    /// The largest of each text.
    largest: Vec<f32>,
    answers: BTreeSet<Vec<usize>>,
    previous: Option<[Vec<f32>; 2]>,
}

impl Tally {
    fn new(compared: Compared) -> Self {
        let (largest, answers) = (Vec::new(), BTreeSet::new());
        Self { compared, same: 0.0, times: 0.0, sum: 0.0, differences: 0.0, largest, answers, previous: None }
    }

    /// Adds the rows of both for a text.
    fn add(&mut self, full: Vec<Vec<f32>>, rounded: Vec<Vec<f32>>) {
        let mut largest = 0.0f32;
        let mut differ = |full: f32, rounded: f32| {
            let difference = (full - rounded).abs();
            self.sum += f64::from(difference);
            self.differences += 1.0;
            largest = largest.max(difference);
        };
        let compared = self.compared;
        let rows = || full.iter().zip(&rounded);
        match compared {
            Compared::Cosine => rows().for_each(|(full, rounded)| {
                let cosine = cosine(full, rounded);
                self.same += cosine;
                differ(1.0, cosine as f32);
            }),
            Compared::Answer => rows().for_each(|(full, rounded)| {
                let best = best(full);
                differ(full[best], rounded[best]);
            }),
            _ => rows().flat_map(|(full, rounded)| full.iter().zip(rounded)).for_each(|(a, b)| differ(*a, *b)),
        }
        self.largest.push(largest);
        match compared {
            Compared::Cosine => self.times += 1.0,
            Compared::TokenLabels => {
                let same = rows().filter(|(full, rounded)| best(full) == best(rounded)).count();
                self.same += same as f64;
                self.times += full.len() as f64;
            }
            Compared::Order => {
                let [full, rounded] = [full, rounded].map(|rows| rows.concat());
                if let Some([full_before, rounded_before]) = &self.previous {
                    let orders = |now: &[f32], before: &[f32]| -> Vec<_> {
                        now.iter().zip(before).map(|(now, before)| now.total_cmp(before)).collect()
                    };
                    let (full, rounded) = (orders(&full, full_before), orders(&rounded, rounded_before));
                    self.same += full.iter().zip(&rounded).filter(|(full, rounded)| full == rounded).count() as f64;
                    self.times += full.len() as f64;
                }
                self.previous = Some([full, rounded]);
            }
            Compared::BestLabel | Compared::Labels | Compared::Answer => {
                let answer = |rows: &[Vec<f32>]| -> Vec<usize> {
                    let of_row = |row: &Vec<f32>| match compared {
                        Compared::Labels => {
                            let fits = row.iter().enumerate().filter(|(_, score)| **score >= 0.5);
                            fits.map(|(label, _)| label).collect()
                        }
                        _ => vec![best(row)],
                    };
                    rows.iter().flat_map(of_row).collect()
                };
                let full = answer(&full);
                self.same += f64::from(u8::from(full == answer(&rounded)));
                self.times += 1.0;
                if compared != Compared::Answer {
                    self.answers.insert(full);
                }
            }
        }
    }

    fn report(mut self, from: String, precision: crate::Precision, texts: usize) -> QuantizationReport {
        self.largest.sort_by(f32::total_cmp);
        let p99 = self.largest.get((self.largest.len() * 99).div_ceil(100).saturating_sub(1));
        let share = |part: f64, whole: f64, none: f64| if whole > 0.0 { part / whole } else { none };
        QuantizationReport {
            from,
            precision,
            texts,
            compared: self.compared,
            // A lone text has no neighbour whose order could differ.
            agreement: share(self.same, self.times, 1.0),
            mean_difference: share(self.sum, self.differences, 0.0),
            p99_difference: p99.copied().map_or(0.0, f64::from),
            max_difference: self.largest.last().copied().map_or(0.0, f64::from),
            different_answers: (!self.answers.is_empty()).then_some(self.answers.len()),
        }
    }
}

/// 1 for the same direction; two vectors of zeros have it.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let length = (product(a, a) * product(b, b)).sqrt();
    if length > 0.0 { (product(a, b) / length).min(1.0) } else { f64::from(u8::from(a == b)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(compared: Compared, texts: &[(&[&[f32]], &[&[f32]])]) -> QuantizationReport {
        let mut tally = Tally::new(compared);
        let rows = |rows: &[&[f32]]| rows.iter().map(|row| row.to_vec()).collect();
        texts.iter().for_each(|(full, rounded)| tally.add(rows(full), rows(rounded)));
        tally.report("bert:1".to_owned(), crate::Precision::Int8, texts.len())
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }

    #[test]
    fn the_share_of_texts_with_the_same_best_label_and_the_differences_of_all_scores() {
        let found = report(
            Compared::BestLabel,
            &[(&[&[0.6, 0.4]], &[&[0.5, 0.5]]), (&[&[0.6, 0.4]], &[&[0.4, 0.6]]), (&[&[0.9, 0.1]], &[&[0.9, 0.1]])],
        );

        close(found.agreement, 2.0 / 3.0);
        close(found.mean_difference, (0.1 + 0.2) / 3.0);
        close(found.max_difference, 0.2);
        assert_eq!(found.different_answers, Some(1));
    }

    #[test]
    fn several_labels_agree_only_together() {
        let found = report(
            Compared::Labels,
            &[(&[&[0.9, 0.6, 0.1]], &[&[0.9, 0.4, 0.1]]), (&[&[0.1, 0.2, 0.1]], &[&[0.2, 0.1, 0.1]])],
        );

        close(found.agreement, 0.5);
        assert_eq!(found.different_answers, Some(2));
    }

    #[test]
    fn values_agree_where_their_order_does() {
        let values = [(3.0, 30.0), (1.0, 10.0), (2.0, 9.0), (5.0, 50.0)];
        let rows: Vec<([&[f32]; 1], [&[f32]; 1])> =
            values.iter().map(|(a, b)| ([std::slice::from_ref(a)], [std::slice::from_ref(b)])).collect();
        let texts: Vec<(&[&[f32]], &[&[f32]])> = rows.iter().map(|(a, b)| (&a[..], &b[..])).collect();

        close(report(Compared::Order, &texts).agreement, 2.0 / 3.0);
        close(report(Compared::Order, &texts[..1]).agreement, 1.0);
    }

    #[test]
    fn an_answer_agrees_in_its_start_and_its_end() {
        let full: &[&[f32]] = &[&[0.7, 0.2, 0.1], &[0.1, 0.1, 0.8]];
        let found = report(
            Compared::Answer,
            &[
                (full, full),
                (full, &[&[0.7, 0.2, 0.1], &[0.1, 0.5, 0.4]]),
                (full, &[&[0.6, 0.3, 0.1], &[0.1, 0.1, 0.8]]),
            ],
        );

        close(found.agreement, 2.0 / 3.0);
        // Of the scores of the answer alone: 0, 0; 0, 0.4; 0.1, 0.
        close(found.mean_difference, 0.5 / 6.0);
    }

    #[test]
    fn embeddings_of_another_length_are_alike_and_of_another_direction_are_not() {
        let found = report(Compared::Cosine, &[(&[&[1.0, 1.0]], &[&[2.0, 2.0]]), (&[&[1.0, 0.0]], &[&[0.0, 1.0]])]);

        close(found.agreement, 0.5);
        close(found.max_difference, 1.0);
        close(cosine(&[0.0], &[0.0]), 1.0);
    }

    #[test]
    fn ninety_nine_of_a_hundred_texts_differ_by_no_more_than_the_percentile() {
        let rows: Vec<[f32; 1]> = (0..200u8).map(|text| [f32::from(text)]).collect();
        let texts: Vec<([&[f32]; 1], [&[f32]; 1])> = rows.iter().map(|row| ([&row[..]], [&[0.0][..]])).collect();
        let texts: Vec<(&[&[f32]], &[&[f32]])> = texts.iter().map(|(a, b)| (&a[..], &b[..])).collect();

        let found = report(Compared::TokenLabels, &texts);

        close(found.p99_difference, 197.0);
        close(found.max_difference, 199.0);
    }
}
