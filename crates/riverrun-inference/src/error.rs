//! What can go wrong with a model's directory, and with a text.

use std::path::PathBuf;

use crate::encoder::Precision;

/// What this crate's functions fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// A model is for another inference task than the one it was asked to do.
    #[error("model `{model}` is for the task {task}, not {wanted}; `riverrun models list` shows each model's task")]
    WrongTask {
        /// The model's tag.
        model: String,
        /// What it is for.
        task: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A runner cannot move on with its model's latest version.
    #[error("runner `{runner}` cannot follow the latest version of its model: {reason}")]
    CannotFollow {
        /// The runner.
        runner: String,
        /// Why.
        reason: String,
    },
    /// A runner was not ready, or could not be made ready.
    #[error(transparent)]
    Runner(#[from] riverrun_runner::RunnerError),
    /// A file could not be read.
    #[error("{path} cannot be read: {source}; check that it exists and that this process may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("{path} cannot be written: {source}; check that this process may write there")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An ONNX model cannot be used.
    #[cfg(feature = "onnx")]
    #[error(transparent)]
    Onnx(#[from] riverrun_onnx::OnnxError),
    /// A tree ensemble cannot be used.
    #[cfg(feature = "tabular")]
    #[error(transparent)]
    Tabular(#[from] riverrun_tabular::TabularError),
    /// A JSON file is malformed, or lacks what is needed.
    #[error("{path} is not a valid {what}: {source}; copy it again from where the model was published")]
    Json {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The configuration has a value that no model can have, or that contradicts another.
    #[error("{path}: {problem}")]
    Config {
        /// The file.
        path: PathBuf,
        /// Which value, what is wrong with it, and what to do.
        problem: String,
    },
    /// The configuration names an architecture that is not among those implemented.
    #[error(
        "{path} names the architecture {found}; supported are {}, each with {}", families.join(", "), heads.join(", ")
    )]
    Architecture {
        /// The configuration.
        path: PathBuf,
        /// What it names.
        found: String,
        /// What its name could begin with.
        families: Vec<&'static str>,
        /// What its name could end with.
        heads: Vec<&'static str>,
    },
    /// The labels do not fit the classifier.
    #[error(
        "{path} has {labels} labels (`id2label`), but `{tensor}` has {rows} rows; give `id2label` one entry per row"
    )]
    Labels {
        /// The configuration.
        path: PathBuf,
        /// Labels of the configuration.
        labels: usize,
        /// The classifier's weight.
        tensor: String,
        /// Its rows.
        rows: usize,
    },
    /// There are only weights in a format that can run code when it is read.
    #[error(
        "{path} is a Python pickle, which can run code when it is read, and is never opened; convert it: in Python, \
         `AutoModelForSequenceClassification.from_pretrained(\"{directory}\").save_pretrained(\"{directory}\", \
         safe_serialization=True)` writes model.safetensors"
    )]
    Pickle {
        /// The pickle.
        path: PathBuf,
        /// The directory it is in.
        directory: PathBuf,
    },
    /// There are no weights.
    #[error(
        "{directory} has neither model.safetensors nor model.safetensors.index.json; one of them holds the weights"
    )]
    NoWeights {
        /// The directory.
        directory: PathBuf,
    },
    /// A safetensors file is damaged.
    #[error("{path} is not a whole safetensors file: {problem}; copy it again from where the model was published")]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A tensor that the architecture needs is not there.
    #[error(
        "no tensor `{tensor}` in {path}; it was made for another architecture than {architecture}, or is incomplete"
    )]
    MissingTensor {
        /// The tensor, without prefix.
        tensor: String,
        /// The file, or the index of the files.
        path: PathBuf,
        /// The architecture.
        architecture: &'static str,
    },
    /// A tensor has a shape that does not follow from the configuration.
    #[error(
        "tensor `{tensor}` in {path} has the shape {found:?}, but config.json asks for {expected:?}; the two files are of different models"
    )]
    Shape {
        /// The tensor.
        tensor: String,
        /// Its file.
        path: PathBuf,
        /// What it has.
        found: Vec<usize>,
        /// What it should have.
        expected: Vec<usize>,
    },
    /// A weight is no number, as after a training that diverged.
    #[error(
        "tensor `{tensor}` in {path} holds {value}, with which every result would be wrong; take a checkpoint from before \
         the training diverged"
    )]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Its file.
        path: PathBuf,
        /// The first such weight.
        value: f32,
    },
    /// A tensor has a number format that is not among those implemented.
    #[error(
        "tensor `{tensor}` in {path} is of type {found}; supported are F32, F16 and BF16, so convert it to one of them"
    )]
    TensorType {
        /// The tensor.
        tensor: String,
        /// Its file.
        path: PathBuf,
        /// Its type.
        found: String,
    },
    /// Weights that were rounded ahead are not all there, or no such numbers.
    #[error("tensor `{tensor}` in {path} {problem}; quantize the model again with `riverrun models quantize`")]
    Quantized {
        /// The tensor.
        tensor: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A model whose weights are stored in one precision was to be computed in another.
    #[error(
        "{path}: the weights of this model are stored in {stored} and cannot be computed in {asked}; leave the precision out, or take \
         the model that it was quantized from"
    )]
    StoredPrecision {
        /// The configuration.
        path: PathBuf,
        /// The precision of the weights.
        stored: Precision,
        /// What was asked for.
        asked: Precision,
    },
    /// A model's weights cannot be rounded ahead.
    #[error("`{model}` cannot be quantized: {problem}")]
    CannotQuantize {
        /// The model's tag, or its directory.
        model: String,
        /// Why, and what to do.
        problem: String,
    },
    /// A model with rounded weights differs more from the original than it may.
    #[error(
        "`{model}` in {precision} {problem}; nothing was stored: {}lower the threshold, or give texts of the kind that the model is for",
        next_precision(*precision)
    )]
    NotLikeTheOriginal {
        /// The original's tag.
        model: String,
        /// The numbers of the weights.
        precision: Precision,
        /// What differs, and by how much.
        problem: String,
    },
    /// A model gives no number for a text that it is compared on.
    #[error("text {number} of the sample cannot be compared: {problem}")]
    Sample {
        /// Which text, from 1 on.
        number: usize,
        /// Why not.
        problem: String,
    },
    /// The model store cannot do what it was asked for.
    #[error(transparent)]
    Store(#[from] riverrun_model::Error),
    /// The tokenizer's file cannot be used.
    #[error(
        "{path} is not a tokenizer that can be used: {problem}; save it again with a fast tokenizer of `transformers`"
    )]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The tokenizer was made for another model.
    #[error(
        "{path} knows {tokens} tokens, but the model embeds {rows}; take the tokenizer that was published with the model"
    )]
    Vocabulary {
        /// The tokenizer's file.
        path: PathBuf,
        /// Tokens of the tokenizer.
        tokens: usize,
        /// Rows of the embedding.
        rows: usize,
    },
    /// The maximum length that was asked for cannot be.
    #[error("max_length {asked} is not possible for this model; choose one from {least} to {most} tokens")]
    MaxLength {
        /// What was asked for.
        asked: usize,
        /// Room for the special tokens and one more.
        least: usize,
        /// What the model was made for.
        most: usize,
    },
    /// An option by name is unknown, or its value is not of its kind.
    #[error("the option `{name}` is not possible: {problem}")]
    Option {
        /// Its name.
        name: String,
        /// What is wrong with it, and what could be there.
        problem: String,
    },
    /// Parts of a long text can't have so many tokens in common.
    #[error("a stride of {stride} tokens leaves no room for new ones; choose one up to {most}")]
    Stride {
        /// What was asked for.
        stride: usize,
        /// The most that is possible.
        most: usize,
    },
    /// A model has no head for the task.
    #[error(
        "{path} is of a model of the class {found}, which can't do {task}: that needs {wanted}; `riverrun models get` shows \
         what a model is for"
    )]
    NoHead {
        /// The configuration.
        path: PathBuf,
        /// The classes that it names.
        found: String,
        /// The task.
        task: &'static str,
        /// Which classes can do it.
        wanted: &'static str,
    },
    /// A text has more tokens than the model can take, and truncation is off.
    #[error("the text has {tokens} tokens and the model takes {limit}; shorten it, or set `truncation` to true")]
    TooLong {
        /// Tokens of the text, the special ones included.
        tokens: usize,
        /// The model's limit.
        limit: usize,
    },
    /// A text could not be made into tokens.
    #[error("the text cannot be tokenized: {problem}")]
    Text {
        /// Why, in the tokenizer's words.
        problem: String,
    },
    /// A batch that does not fit the model.
    #[error("the batch does not fit the model: {problem}")]
    Batch {
        /// What is wrong with it.
        problem: String,
    },
    /// A model of the store in a format that the task does not read, or that this program was built without.
    #[error("model `{model}` is in the format {format}, {problem}")]
    WrongFormat {
        /// The tag.
        model: String,
        /// What the store has it as.
        format: &'static str,
        /// What that means, and what to do.
        problem: &'static str,
    },
    /// A precision that there is not.
    #[error("`{name}` is no precision; there are f32, bf16, int8-faithful and int8")]
    Precision {
        /// What was asked for.
        name: String,
    },
    /// `RIVERRUN_CPU` names a level that is unknown or not there.
    #[error(
        "RIVERRUN_CPU is `{name}`, which is no level of this CPU (levels are portable, avx2, avx512, avx512-vnni, \
         avx512-bf16, amx; the highest here is {highest}); choose another or unset it"
    )]
    CpuLevel {
        /// What the variable says.
        name: String,
        /// The highest level that would work.
        highest: &'static str,
    },
}

/// What to try next where a precision changes too much.
fn next_precision(precision: Precision) -> &'static str {
    match precision {
        Precision::Int8 => "try int8-faithful, ",
        Precision::Int8Faithful => "try bf16, ",
        Precision::F32 | Precision::Bf16 => "",
    }
}
