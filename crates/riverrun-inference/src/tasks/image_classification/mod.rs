//! Image classification, as `transformers.pipeline("image-classification")` defines it, of models in ONNX.

mod decode;
mod options;
mod processor;
mod resample;

use std::path::Path;

use riverrun_model::InferenceTask;
use riverrun_onnx::{Array, OnnxModel, PreparedTensors, Tensors};
use riverrun_runner::wire::{Datatype, Map, Payload, Portable, Tensor, TensorSpec};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable};
use serde_json::{Value, json};

pub use options::{ImageClassificationOptions, ImageInput};

use self::options::{decoded, encoded};
use self::processor::Processor;
use super::task::{Task, object};
use super::text_classification::{Classification, FunctionToApply, Label, Labelling, TextClassification, TopK};
use super::text_model::item;
use crate::InferenceError;
use crate::backend::{self, Sharing};
use crate::config::{ModelConfig, ProblemType};
use crate::kernels::Cpu;

const PIXELS: &str = "pixel_values";
const LOGITS: &str = "logits";
const IMAGE: &str = "image";

/// Gives images the labels of a model.
///
/// An image is decoded, resized, cropped and normalised as `preprocessor_config.json` says, on the caller's thread.
pub struct ImageClassification {
    model: OnnxModel,
    processor: Processor,
    labelling: Labelling,
}

/// An image as a batch holds it.
#[derive(Debug, Clone)]
pub struct ProcessedImage {
    pixels: PreparedTensors,
    top_k: Option<TopK>,
    function: Option<FunctionToApply>,
}

impl ImageClassification {
    /// What the model would be given for a file, `[3, height, width]`, and its height and width.
    ///
    /// # Errors
    /// The file is no image that can be read.
    pub fn pixels(&self, file: &[u8]) -> Result<(Vec<f32>, [usize; 2]), ItemError> {
        self.processor.process(decode::decode(file)?)
    }
}

impl Task for ImageClassification {
    type Options = ImageClassificationOptions;

    const TASK: InferenceTask = InferenceTask::ImageClassification;

    fn load_from(directory: &Path, options: ImageClassificationOptions, _: Sharing) -> Result<Self, InferenceError> {
        let config = ModelConfig::read(directory)?;
        let problem = |problem: String| Err(InferenceError::Config { path: config.path().to_owned(), problem });
        let Some(graph) = backend::onnx::graph(directory) else {
            return problem(
                "no ONNX file is beside it, and images are classified by models in ONNX alone; `optimum-cli export onnx` writes one"
                    .to_owned(),
            );
        };
        let processor = Processor::read(directory)?;
        let model = backend::onnx::load(&graph, options.backend.onnx())?;
        let takes = |name| model.inputs().len() == 1 && model.inputs().iter().any(|input| input.name() == name);
        if !takes(PIXELS) || !model.outputs().iter().any(|output| output.name() == LOGITS) {
            return problem(format!(
                "its graph is not one that takes `{PIXELS}` and gives `{LOGITS}`; export it with `optimum-cli export onnx --task \
                 image-classification`"
            ));
        }
        let labels: Vec<Label> = config.labels().iter().map(|label| label.as_str().into()).collect();
        let several = config.problem_type().filter(|kind| *kind == ProblemType::MultiLabelClassification);
        let function = options.function.unwrap_or_else(|| FunctionToApply::default_of(several, labels.len()));
        let labelling = Labelling { cpu: Cpu::chosen()?, labels, function, top_k: options.top_k };
        Ok(Self { model, processor, labelling })
    }
}

impl Runnable for ImageClassification {
    type Input = ImageInput;
    type Prepared = ProcessedImage;
    type Output = Vec<Classification>;

    fn prepare(&self, input: ImageInput) -> Result<Prepared<ProcessedImage>, ItemError> {
        let (pixels, [height, width]) = self.pixels(&input.image)?;
        let array = Array::new([3, height, width], pixels)?;
        let prepared = self.model.prepare(Tensors::new().with(PIXELS, array))?;
        let value = ProcessedImage { pixels: prepared.value, top_k: input.top_k, function: input.function_to_apply };
        Ok(Prepared { value, cost: prepared.cost })
    }

    fn run(
        &self, batch: Vec<ProcessedImage>, compute: &Compute,
    ) -> Result<Vec<Result<Vec<Classification>, ItemError>>, ItemError> {
        let results = self.model.run(batch.iter().map(|image| image.pixels.clone()).collect(), compute)?;
        let labelled = |(image, outputs): (&ProcessedImage, Result<Tensors, ItemError>)| {
            let outputs = outputs?;
            let logits = outputs.elements::<f32>(LOGITS).unwrap_or_default();
            if logits.len() != self.labelling.labels.len() {
                return Err(item(InferenceError::Labels {
                    path: self.model.path().with_file_name("config.json"),
                    labels: self.labelling.labels.len(),
                    tensor: LOGITS.to_owned(),
                    rows: logits.len(),
                }));
            }
            self.labelling.label(&mut logits.to_vec(), image.top_k, image.function)
        };
        Ok(batch.iter().zip(results).map(labelled).collect())
    }

    /// Computes an item of zeros, where the graph declares its size.
    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        self.model.warm_up(compute)
    }
}

const WANTED: &str = "an image is wanted: the bytes of a JPEG, PNG or WebP file, in JSON as base64, or an object with `image` and, if you \
                      like, `top_k` and `function_to_apply`";

/// An image is the bytes of its file, as base64 in JSON, or an object `{"image", "top_k", "function_to_apply"}` of which all but the
/// first may be absent.
///
/// As tensors of the Open Inference Protocol it is `image`, `BYTES` of shape `[n]`; the answer is that of text classification.
impl Portable for ImageClassification {
    fn to_payload(input: &ImageInput) -> Payload {
        if input.top_k.is_none() && input.function_to_apply.is_none() {
            return Payload::Bytes(input.image.clone());
        }
        super::task::to_payload(input)
    }

    fn from_payload(payload: Payload) -> Result<ImageInput, ItemError> {
        match payload {
            Payload::Bytes(image) => Ok(image.into()),
            Payload::Text(text) => {
                decoded(&text).map(ImageInput::from).map_err(|problem| ItemError::new(format!("{problem}; {WANTED}")))
            }
            payload => object(payload, WANTED),
        }
    }

    fn in_list<'a>(output: &'a Vec<Classification>, _: &Map) -> &'a dyn erased_serde::Serialize {
        output
    }

    fn tensor_inputs() -> Vec<TensorSpec> {
        vec![TensorSpec::per_item(IMAGE, Datatype::Bytes)]
    }

    fn tensor_outputs() -> Vec<TensorSpec> {
        TextClassification::tensor_outputs()
    }

    fn inputs_from_tensors(tensors: Vec<Tensor>) -> Result<Vec<ImageInput>, ItemError> {
        let [tensor] = tensors.try_into().map_err(|tensors: Vec<Tensor>| {
            ItemError::new(format!("one tensor `{IMAGE}` is wanted, {} came", tensors.len()))
        })?;
        Ok(tensor.into_strings()?.into_iter().map(ImageInput::from).collect())
    }

    fn inputs_to_tensors(inputs: &[&ImageInput]) -> Result<Vec<Tensor>, ItemError> {
        if inputs.iter().any(|input| input.top_k.is_some() || input.function_to_apply.is_some()) {
            return Err(ItemError::new(
                "`top_k` and `function_to_apply` of single images cannot be said in tensors; set them where the model is served",
            ));
        }
        Ok(vec![Tensor::strings(IMAGE, inputs.iter().map(|input| input.image.clone()).collect())])
    }

    fn outputs_to_tensors(outputs: &[&Vec<Classification>]) -> Result<Vec<Tensor>, ItemError> {
        TextClassification::outputs_to_tensors(outputs)
    }

    fn outputs_from_tensors(tensors: Vec<Tensor>, items: usize) -> Result<Vec<Vec<Classification>>, ItemError> {
        TextClassification::outputs_from_tensors(tensors, items)
    }

    fn media_types() -> &'static [&'static str] {
        decode::MEDIA_TYPES
    }

    fn beside(payload: Payload, parameters: &Map) -> Payload {
        let image = match payload {
            Payload::Text(base64) if !parameters.is_empty() => base64,
            Payload::Bytes(file) if !parameters.is_empty() => encoded(&file),
            other => return other.with_parameters(parameters),
        };
        Payload::Value(json!({ IMAGE: image })).with_parameters(parameters)
    }

    fn input_schema() -> Value {
        let image = json!({"type": "string", "contentEncoding": "base64", "description": "A JPEG, PNG or WebP file."});
        let mut schema = TextClassification::input_schema();
        if let Some(object) = schema.pointer_mut("/oneOf/1") {
            object["required"] = json!([IMAGE]);
            if let Some(properties) = object["properties"].as_object_mut() {
                properties.retain(|name, _| !name.starts_with("text"));
                properties.insert(IMAGE.to_owned(), image.clone());
            }
        }
        if let Some(alone) = schema.pointer_mut("/oneOf/0") {
            *alone = image;
        }
        schema
    }

    fn output_schema() -> Value {
        TextClassification::output_schema()
    }
}
