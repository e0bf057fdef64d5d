//! Tensors of a directory, read one by one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::config::EncoderConfig;
use super::linear::Weight;
use super::packed_file::{Made, PackedReader, PackedWriter};
use super::precision::{Arithmetic, Precision};
use super::quantized::{Recording, bytes_name, scales_name};
use super::rows::Rows;
use super::stored_tensor::StoredTensor;
use super::table::Table;
use super::tensor_file::SafetensorsFile;
use crate::InferenceError;
use crate::kernels::Quantized;

/// The tensors of a model's directory.
pub(crate) struct Weights {
    files: Vec<SafetensorsFile>,
    /// Which file a message names for a tensor that is nowhere.
    named: PathBuf,
    architecture: &'static str,
    /// What stands before an encoder's tensor names in some checkpoints, `bert.` say.
    prefix: &'static str,
    arithmetic: Arithmetic,
    /// Whether the linear layers' weights were rounded to the precision's numbers before they were stored.
    rounded: bool,
    /// What was read so far, and in which numbers, where that is to be stored.
    recording: Option<Recording>,
    packed: Packed,
}

/// Whether packed weights are in a file of their own.
#[derive(Default)]
enum Packed {
    /// They are not.
    #[default]
    Elsewhere,
    Read(PackedReader),
    Written(PackedWriter),
}

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

impl Weights {
    /// The tensors of `directory`'s `model.safetensors`, or of the shards that its index names.
    pub(crate) fn open(
        directory: &Path, config: &EncoderConfig, arithmetic: Arithmetic,
    ) -> Result<Self, InferenceError> {
        if let Some(stored) = config.stored.filter(|&stored| stored != arithmetic.precision) {
            let path = config.path.clone();
            return Err(InferenceError::StoredPrecision { path, stored, asked: arithmetic.precision });
        }
        let single = directory.join("model.safetensors");
        let index = directory.join("model.safetensors.index.json");
        let (paths, named) = if single.exists() {
            (vec![single.clone()], single)
        } else if index.exists() {
            (shards(directory, &index)?, index)
        } else {
            return Err(no_weights(directory));
        };
        let files = paths.into_iter().map(SafetensorsFile::open).collect::<Result<_, _>>()?;
        let (family, rounded) = (config.family(), config.stored.is_some());
        let (architecture, prefix) = (family.name(), family.prefix());
        let arithmetic = arithmetic.effective();
        Ok(Self { files, named, architecture, prefix, arithmetic, rounded, recording: None, packed: Packed::Elsewhere })
    }

    /// Has all that is read from here on remembered, to be stored.
    pub(crate) fn record(&mut self) {
        self.recording = Some(Recording::default());
    }

    /// What was read since, in the numbers in which it was used.
    pub(crate) fn recorded(&mut self) -> Result<Vec<StoredTensor>, InferenceError> {
        let recording = self.recording.take().unwrap_or_default();
        recording.tensors(|name| match self.files.iter_mut().find(|file| file.info(name).is_some()) {
            Some(file) => file.stored(name),
            None => Ok(None),
        })
    }

    /// Has packed weights taken from the file of them beside a model of the store, and embeddings from where they are; for a model that
    /// was loaded without it before.
    pub(crate) fn read_packed(&mut self, directory: &Path) -> Result<(), InferenceError> {
        let made = self.made(directory)?;
        let reader = PackedReader::open(directory, &made).map_err(|source| self.unpacked(source))?;
        self.packed = Packed::Read(reader);
        Ok(())
    }

    /// Has packed weights written to such a file.
    pub(crate) fn write_packed(&mut self, directory: &Path) -> Result<(), InferenceError> {
        let made = self.made(directory)?;
        let writer = PackedWriter::create(directory, made).map_err(|source| self.unpacked(source))?;
        self.packed = Packed::Written(writer);
        Ok(())
    }

    /// Ends the file, if there is one and all that there is could be written to it.
    pub(crate) fn finish_packed(&mut self) -> Result<bool, InferenceError> {
        match std::mem::take(&mut self.packed) {
            Packed::Written(writer) => writer.finish().map(|()| true).map_err(|source| self.unpacked(source)),
            Packed::Elsewhere | Packed::Read(_) => Ok(false),
        }
    }

    fn made(&self, directory: &Path) -> Result<Made, InferenceError> {
        let read = |source| InferenceError::Read { path: directory.to_owned(), source };
        Made::of(self.files.iter().map(|file| &*file.path), self.arithmetic).map_err(read)
    }

    fn unpacked(&self, source: std::io::Error) -> InferenceError {
        InferenceError::Read { path: self.named.clone(), source }
    }

    /// The weight of these rows; one that is packed already is the next of its file.
    pub(super) fn packed(&mut self, rows: &Rows, inputs: usize, outputs: usize) -> Result<Weight, InferenceError> {
        let Some(weight) = Weight::packed(rows, inputs, outputs) else {
            let next = match &mut self.packed {
                Packed::Read(reader) => reader.next(inputs, outputs),
                _ => Err(std::io::Error::other("the weights are packed in no file")),
            };
            return next.map_err(|source| self.unpacked(source));
        };
        if let Packed::Written(writer) = &mut self.packed
            && let Err(problem) = writer.write(&weight)
        {
            // A full disk, say: then there is no file.
            tracing::debug!(%problem, path = %self.named.display(), "packed weights are not shared");
            self.packed = Packed::Elsewhere;
        }
        Ok(weight)
    }

    /// What is computed with them.
    pub(crate) fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// From here on, what the last layer computes for the tokens that are read, one of a text in most tasks: the most faithful
    /// precision does it in full length, since it costs little there and helps as much as it would in all other layers together.
    pub(crate) fn refine(&mut self) {
        if self.arithmetic.precision == Precision::Int8Faithful {
            self.arithmetic = self.arithmetic.cpu.into();
        }
    }

    /// The tensor of this name, with or without the prefix.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, InferenceError> {
        let (full, tensor) = self.read(name, shape)?;
        if let Some(recording) = &mut self.recording {
            recording.floats(full);
        }
        Ok(tensor)
    }

    /// As [`tensor`](Self::tensor), of which only some rows are likely to be read.
    pub(super) fn table(&mut self, name: &str, shape: &[usize]) -> Result<Table, InferenceError> {
        let mapped = match (&self.packed, self.find(name)) {
            // All numbers of it were looked at when the packed weights were written.
            (Packed::Read(_), Some((file, full))) => self.files[file].mapped(&full, shape)?,
            _ => None,
        };
        match mapped {
            Some(table) => Ok(table),
            None => self.tensor(name, shape).map(Table::Own),
        }
    }

    /// A tensor of floats, and its name in the file.
    fn read(&mut self, name: &str, shape: &[usize]) -> Result<(String, Vec<f32>), InferenceError> {
        let (file, full) = self.find(name).ok_or_else(|| self.missing(name))?;
        let tensor = self.files[file].floats(&full, shape)?;
        Ok((full, tensor))
    }

    /// The weights of linear layers with the same input, `[outputs, inputs]` each, as the rows of one.
    pub(super) fn linear(&mut self, names: &[String], outputs: usize, inputs: usize) -> Result<Rows, InferenceError> {
        self.rearranged(names, &[outputs, inputs], inputs, |weight| weight)
    }

    /// As [`linear`](Self::linear), of weights `[outputs, …]` that are to be arranged as rows of `inputs` numbers.
    pub(super) fn rearranged(
        &mut self, names: &[String], shape: &[usize], inputs: usize, arrange: impl Fn(Vec<f32>) -> Vec<f32>,
    ) -> Result<Rows, InferenceError> {
        if matches!(self.packed, Packed::Read(_)) {
            return Ok(Rows::Packed(names.len() * shape.first().copied().unwrap_or(0)));
        }
        let Arithmetic { cpu, precision } = self.arithmetic;
        if matches!(precision, Precision::F32 | Precision::Bf16) {
            let tensors = names.iter().map(|name| self.read(name, shape)).collect::<Result<Vec<_>, _>>()?;
            let (names, tensors): (Vec<String>, Vec<Vec<f32>>) = tensors.into_iter().unzip();
            let rounded = precision == Precision::Bf16 && tensors.iter().all(|tensor| Rows::fit_bf16(tensor));
            if let Some(recording) = &mut self.recording {
                let record = if rounded { Recording::halves } else { Recording::floats };
                names.into_iter().for_each(|name| record(recording, name));
            }
            let rows: Vec<f32> = tensors.into_iter().map(arrange).reduce(joined).unwrap_or_default();
            return Ok(if rounded { Rows::Bf16(rows) } else { Rows::F32(rows) });
        }
        let turned = precision == Precision::Int8Faithful;
        let mut layers = Vec::with_capacity(names.len());
        for name in names {
            if self.rounded {
                layers.push(self.bytes(name, shape.first().copied().unwrap_or(0), inputs)?);
                continue;
            }
            let (full, weight) = self.read(name, shape)?;
            let quantized = Rows::quantize(cpu, arrange(weight), inputs, turned);
            if let Some(recording) = &mut self.recording {
                recording.bytes(full, inputs, &quantized);
            }
            layers.push(quantized);
        }
        Ok(Rows::Int8 { quantized: Quantized::joined(layers), turned })
    }

    /// A weight that was stored in bytes.
    fn bytes(&mut self, name: &str, outputs: usize, inputs: usize) -> Result<Quantized, InferenceError> {
        let found = |name: String, dtype: &str| {
            let path = self.named.clone();
            let Some((file, full)) = self.find(&name) else {
                let problem = "is missing".to_owned();
                return Err(InferenceError::Quantized { tensor: name, path, problem });
            };
            let info = self.files[file].info(&full);
            match info.filter(|info| info.dtype != dtype) {
                None => Ok((file, full)),
                Some(info) => {
                    let problem = format!("is of type {} instead of {dtype}", info.dtype);
                    let path = self.files[file].path.clone();
                    Err(InferenceError::Quantized { tensor: full, path, problem })
                }
            }
        };
        let (bytes_file, bytes) = found(bytes_name(name), "I8")?;
        let (scales_file, scales) = found(scales_name(name), "F32")?;
        let quantized = Quantized {
            bytes: self.files[bytes_file].signed_bytes(&bytes, &[outputs, inputs])?,
            scales: self.files[scales_file].floats(&scales, &[outputs])?,
        };
        let problem = |tensor: String, file: usize, problem: String| {
            Err(InferenceError::Quantized { tensor, path: self.files[file].path.clone(), problem })
        };
        // No rounding gives it: whoever wrote it did something else.
        if quantized.bytes.contains(&i8::MIN) {
            return problem(bytes, bytes_file, "holds -128, beyond the largest magnitude, 127".to_owned());
        }
        if let Some(scale) = quantized.scales.iter().find(|&&scale| scale < 0.0) {
            return problem(scales, scales_file, format!("holds {scale}, and a scale is 0 or more"));
        }
        Ok(quantized)
    }

    /// The tensor of the first of these names that is there: old checkpoints name some differently.
    pub(crate) fn tensor_of(&mut self, names: [String; 2], shape: &[usize]) -> Result<Vec<f32>, InferenceError> {
        let [new, old] = names;
        let name = if self.find(&new).is_none() && self.find(&old).is_some() { old } else { new };
        self.tensor(&name, shape)
    }

    /// The name under which the tensor is there, and its first dimension.
    pub(crate) fn rows(&self, name: &str) -> Result<usize, InferenceError> {
        let (file, name) = self.find(name).ok_or_else(|| self.missing(name))?;
        Ok(self.files[file].info(&name).and_then(|info| info.shape.first().copied()).unwrap_or(0))
    }

    /// The tensor of this name, if there is one.
    pub(crate) fn optional(&mut self, name: &str, shape: &[usize]) -> Result<Option<Vec<f32>>, InferenceError> {
        if self.has(name) { self.tensor(name, shape).map(Some) } else { Ok(None) }
    }

    /// The tensor of this name; zeros where the model does without.
    pub(crate) fn bias(&mut self, name: &str, size: usize) -> Result<Vec<f32>, InferenceError> {
        Ok(self.optional(name, &[size])?.unwrap_or_else(|| vec![0.0; size]))
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<(usize, String)> {
        let prefixed = format!("{}{name}", self.prefix);
        [prefixed, name.to_owned()].into_iter().find_map(|name| {
            let file = self.files.iter().position(|file| file.info(&name).is_some())?;
            Some((file, name))
        })
    }

    fn missing(&self, name: &str) -> InferenceError {
        InferenceError::MissingTensor {
            tensor: name.to_owned(),
            path: self.named.clone(),
            architecture: self.architecture,
        }
    }
}

fn joined(mut all: Vec<f32>, next: Vec<f32>) -> Vec<f32> {
    all.extend(next);
    all
}

fn no_weights(directory: &Path) -> InferenceError {
    let pickle = directory.join("pytorch_model.bin");
    let directory = directory.to_owned();
    if pickle.exists() {
        InferenceError::Pickle { path: pickle, directory }
    } else {
        InferenceError::NoWeights { directory }
    }
}

fn shards(directory: &Path, index: &Path) -> Result<Vec<PathBuf>, InferenceError> {
    let text =
        std::fs::read_to_string(index).map_err(|source| InferenceError::Read { path: index.to_owned(), source })?;
    let map: Index = serde_json::from_str(&text).map_err(|source| InferenceError::Json {
        path: index.to_owned(),
        what: "index of safetensors files",
        source,
    })?;
    let mut names: Vec<String> = map.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            // A name with a folder in it could point anywhere.
            if Path::new(&name).file_name().is_none_or(|file| file != name.as_str()) {
                let problem = format!("the shard `{name}` is not a file name; shards lie beside their index");
                return Err(InferenceError::Config { path: index.to_owned(), problem });
            }
            Ok(directory.join(name))
        })
        .collect()
}
