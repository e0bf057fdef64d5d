//! Models whose weights are rounded ahead, and the gate that they have to pass.

mod comparison;
mod options;
mod phrases;
mod report;
mod sample;
mod tally;

use std::fs;
use std::path::Path;

use riverrun_model::{Model, ModelFormat, ModelStore, Table};
use serde_json::json;

pub use self::options::QuantizeOptions;
pub use self::report::{Compared, QuantizationReport};
pub use self::sample::sample_texts;

use self::comparison::compare;
use crate::InferenceError;
use crate::config::{ModelConfig, QUANTIZATION_METHOD};
use crate::encoder::{Arithmetic, Encoder, EncoderConfig, Precision, computes_bf16, write_tensors};
use crate::kernels::Cpu;

const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";

/// A version of a model with rounded weights, and how it compares with the one that it was made from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct QuantizedModel {
    /// The new version.
    pub model: Model,
    /// What its metadata says of it.
    pub report: QuantizationReport,
}

/// Stores a version of `model` whose weights are rounded to a precision's numbers, if it still gives the same answers.
///
/// The new version is smaller, loads faster, and computes what the first one does in that [`Precision`], to the bit. It is
/// compared with the first one in 32-bit floats, on the sample of the options; with less agreement than they ask for, or with
/// scores that differ more, it is not stored. Its metadata has the [`QuantizationReport`]. Unless the options say otherwise it has the name of
/// `model`, the precision behind its version (`1.0-int8`), and becomes the latest version of its name.
///
/// `progress` is told how many texts of how many have been compared.
///
/// ```no_run
/// use riverrun_inference::{Precision, QuantizeOptions, quantize};
/// use riverrun_model::{ModelStore, TagRef};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = ModelStore::open_default()?;
/// let model = store.get(&TagRef::parse("tweet-sentiment")?)?;
/// let options = QuantizeOptions::new(Precision::Int8Faithful).min_agreement(0.99);
/// let quantized = quantize(&store, &model, &options, |done, texts| println!("{done} of {texts}"))?;
/// println!("{}: {:.2} %", quantized.model.tag(), quantized.report.agreement * 100.0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`InferenceError::CannotQuantize`] for a model that the native encoder does not compute, that is quantized already, in 32-bit floats, in
/// half-length floats on a CPU without them, or on a sample without texts; [`InferenceError::NotLikeTheOriginal`] below the thresholds;
/// [`InferenceError::Sample`] where a result is not a number; errors of the store and of loading the model. After an error the store is as it
/// was.
pub fn quantize(
    store: &ModelStore, model: &Model, options: &QuantizeOptions, progress: impl Fn(usize, usize),
) -> Result<QuantizedModel, InferenceError> {
    let precision = options.precision;
    let refused = |problem: String| InferenceError::CannotQuantize { model: model.tag().to_string(), problem };
    let format = model.metadata().format;
    if format != ModelFormat::Safetensors {
        return Err(refused(format!(
            "it is in the format {format}, and only models in safetensors are computed by the native encoder"
        )));
    }
    model.verify()?;
    let (config, _) = quantizable(model.path(), precision).map_err(|error| match error {
        InferenceError::CannotQuantize { problem, .. } => refused(problem),
        other => other,
    })?;
    let own = sample_texts();
    let texts = options.texts.as_deref().unwrap_or(&own);
    if texts.is_empty() {
        return Err(refused("the sample has no texts; give some, one a line".to_owned()));
    }

    let mut import = options.import.clone();
    import.version.get_or_insert_with(|| format!("{}-{precision}", model.tag().version()));
    let mut report = None;
    let stored = store.derive(model, import, |to| {
        for file in &model.metadata().files {
            if !is_weights(&file.path) {
                copy(&model.path().join(&file.path), &to.join(&file.path))?;
            }
        }
        quantize_weights(model.path(), to, precision)?;
        // The files that will be stored, not what they should be.
        let measured = compare(model, to, &config, texts, &progress)?;
        options.check(&measured)?;
        let table = Table::from_iter([(QuantizationReport::KEY.to_owned(), measured.to_value())]);
        report = Some(measured);
        Ok::<_, InferenceError>(table)
    })?;
    let model = stored.model;
    match report {
        Some(report) => Ok(QuantizedModel { model, report }),
        None => Err(refused("nothing was measured".to_owned())),
    }
}

/// Writes the weights of the model in `from`, rounded to a precision's numbers, and its configuration to the directory `to`.
///
/// Nothing is measured: that is what [`quantize`] does, with a model of the store. The other files of the model, such as `tokenizer.json`, have
/// to be copied for the new directory to be a model; with them it is loaded as any other, in that precision and no other.
///
/// Of a linear layer's `weight` there are in bytes `weight_int8`, I8 `[outputs, inputs]`, and `weight_scale`, F32 `[outputs]`: a number is its
/// byte times its row's scale. For [`Precision::Int8Faithful`] rows are rotated before they are rounded, and the layers that it leaves in floats
/// stay. For [`Precision::Bf16`] `weight` is BF16. All other tensors are as they were; those that the model never reads are left out.
///
/// # Errors
/// [`InferenceError::CannotQuantize`] for a model that is quantized already, or a precision that there is nothing to round for; errors of
/// loading the model in `from`; [`InferenceError::Write`] when `to` cannot be written.
pub fn quantize_weights(
    from: impl AsRef<Path>, to: impl AsRef<Path>, precision: Precision,
) -> Result<(), InferenceError> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let (config, encoder) = quantizable(from, precision)?;
    let cpu = Cpu::chosen()?;
    let tensors = Encoder::rounded(from, encoder, Arithmetic { cpu, precision })?;
    write_tensors(&to.join(WEIGHTS), &tensors)?;
    let mut value = config.value().clone();
    // Other libraries refuse a method that they do not know, instead of taking the model for one without most of its weights.
    value["quantization_config"] = json!({"quant_method": QUANTIZATION_METHOD, "precision": precision});
    let path = to.join(CONFIG);
    let failed = |source| InferenceError::Write { path: path.clone(), source };
    let text = serde_json::to_string_pretty(&value).map_err(|error| failed(error.into()))?;
    fs::write(&path, text + "\n").map_err(failed)
}

/// The configuration of a model whose weights can be rounded to this precision's numbers.
fn quantizable(directory: &Path, precision: Precision) -> Result<(ModelConfig, EncoderConfig), InferenceError> {
    let refused = |problem: String| InferenceError::CannotQuantize { model: directory.display().to_string(), problem };
    let config = ModelConfig::read(directory)?;
    if let Some(stored) = config.precision() {
        let problem = format!("its weights are stored in {stored} already; take the model that it was quantized from");
        return Err(refused(problem));
    }
    match precision {
        Precision::F32 => {
            Err(refused("there is nothing to round for f32; choose int8, int8-faithful or bf16".to_owned()))
        }
        Precision::Bf16 if !computes_bf16() => Err(refused(
            "this CPU has no instructions for bf16, so it cannot be measured here; take a machine that has them, or choose int8-faithful"
                .to_owned(),
        )),
        _ => {
            let encoder = EncoderConfig::of(&config)?;
            Ok((config, encoder))
        }
    }
}

/// Whether the file is among the encoder's own weights; those of other modules lie in directories.
fn is_weights(path: &str) -> bool {
    let of_encoder = !path.contains('/') && path.ends_with(".safetensors");
    of_encoder || path == CONFIG || path == "model.safetensors.index.json"
}

fn copy(from: &Path, to: &Path) -> Result<(), InferenceError> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory).map_err(|source| InferenceError::Write { path: directory.to_owned(), source })?;
    }
    let content = fs::read(from).map_err(|source| InferenceError::Read { path: from.to_owned(), source })?;
    fs::write(to, content).map_err(|source| InferenceError::Write { path: to.to_owned(), source })
}
