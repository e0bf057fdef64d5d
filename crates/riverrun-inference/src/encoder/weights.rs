//! Tensors of a directory, read one by one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::precision::{Arithmetic, Precision};
use crate::InferenceError;

/// The longest header that is read: one of a model with a hundred thousand tensors is shorter.
const LONGEST_HEADER: u64 = 100 << 20;
/// Bytes that are converted at a time, so that a tensor never stands in memory twice.
const CHUNK: usize = 1 << 20;

/// The tensors of a model's directory.
pub(crate) struct Weights {
    files: Vec<SafetensorsFile>,
    /// Which file a message names for a tensor that is nowhere.
    named: PathBuf,
    architecture: &'static str,
    /// What stands before an encoder's tensor names in some checkpoints, `bert.` say.
    prefix: &'static str,
    arithmetic: Arithmetic,
}

struct SafetensorsFile {
    path: PathBuf,
    file: File,
    /// Where the tensors' bytes begin.
    start: u64,
    tensors: HashMap<String, TensorInfo>,
}

#[derive(Deserialize)]
struct TensorInfo {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

#[derive(Clone, Copy)]
enum NumberFormat {
    F32,
    /// Numbers of two bytes.
    Half(fn([u8; 2]) -> f32),
}

impl Weights {
    /// The tensors of `directory`'s `model.safetensors`, or of the shards that its index names.
    pub(crate) fn open(
        directory: &Path, architecture: &'static str, prefix: &'static str, arithmetic: Arithmetic,
    ) -> Result<Self, InferenceError> {
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
        Ok(Self { files, named, architecture, prefix, arithmetic: arithmetic.effective() })
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
        match self.find(name) {
            Some((file, name)) => self.files[file].read(&name, shape),
            None => Err(self.missing(name)),
        }
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
        Ok(self.files[file].tensors.get(&name).and_then(|info| info.shape.first().copied()).unwrap_or(0))
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
            let file = self.files.iter().position(|file| file.tensors.contains_key(&name))?;
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

impl SafetensorsFile {
    fn open(path: PathBuf) -> Result<Self, InferenceError> {
        let read = |source| InferenceError::Read { path: path.clone(), source };
        let broken = |problem: String| InferenceError::Safetensors { path: path.clone(), problem };
        let mut file = File::open(&path).map_err(read)?;
        let size = file.metadata().map_err(read)?.len();
        if size < 8 {
            return Err(broken(format!("it has {size} bytes, too few for a header")));
        }
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(read)?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER || length > size - 8 {
            return Err(broken(format!("its header should have {length} bytes, the file has {size}")));
        }
        let mut header = String::new();
        let length_read = file.by_ref().take(length).read_to_string(&mut header);
        length_read.map_err(|error| broken(format!("its header is not text ({error})")))?;
        let mut header: HashMap<String, serde_json::Value> =
            serde_json::from_str(&header).map_err(|error| broken(format!("its header is not valid JSON ({error})")))?;
        header.remove("__metadata__");
        let mut tensors = HashMap::new();
        let available = size - 8 - length;
        for (name, value) in header {
            let info: TensorInfo = serde_json::from_value(value)
                .map_err(|error| broken(format!("the header's entry `{name}` is malformed ({error})")))?;
            let (start, end) = info.data_offsets;
            if start > end || end > available {
                let problem = format!("tensor `{name}` ends at byte {end} of the data, of which there are {available}");
                return Err(broken(problem));
            }
            tensors.insert(name, info);
        }
        Ok(Self { path, file, start: 8 + length, tensors })
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, InferenceError> {
        let path = self.path.clone();
        let Some(info) = self.tensors.get(name) else {
            return Ok(Vec::new());
        };
        if info.shape != shape {
            let (found, expected) = (info.shape.clone(), shape.to_vec());
            return Err(InferenceError::Shape { tensor: name.to_owned(), path, found, expected });
        }
        let (format, width) = match info.dtype.as_str() {
            "F32" => (NumberFormat::F32, 4),
            "F16" => (NumberFormat::Half(|bytes| half::f16::from_le_bytes(bytes).to_f32()), 2),
            "BF16" => (NumberFormat::Half(|bytes| half::bf16::from_le_bytes(bytes).to_f32()), 2),
            _ => {
                let found = info.dtype.clone();
                return Err(InferenceError::TensorType { tensor: name.to_owned(), path, found });
            }
        };
        let (start, end) = info.data_offsets;
        let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let bytes = count.and_then(|count| count.checked_mul(width));
        let (Some(count), Some(bytes)) = (count, bytes.filter(|&bytes| bytes as u64 == end - start)) else {
            let problem = format!("tensor `{name}` has {} bytes, which its shape {shape:?} does not need", end - start);
            return Err(InferenceError::Safetensors { path, problem });
        };
        let read = |source| InferenceError::Read { path: path.clone(), source };
        self.file.seek(SeekFrom::Start(self.start + start)).map_err(read)?;
        let mut values = vec![0f32; count];
        match format {
            NumberFormat::F32 => {
                self.file.read_exact(bytemuck::cast_slice_mut(&mut values)).map_err(read)?;
                // No effect where the least significant byte comes first.
                values.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
            }
            NumberFormat::Half(float) => {
                let mut buffer = vec![0; CHUNK.min(bytes)];
                for values in values.chunks_mut(CHUNK / 2) {
                    let chunk = &mut buffer[..values.len() * 2];
                    self.file.read_exact(chunk).map_err(read)?;
                    values.iter_mut().zip(chunk.as_chunks().0).for_each(|(value, bytes)| *value = float(*bytes));
                }
            }
        }
        self.finite(name, values)
    }

    fn finite(&self, name: &str, values: Vec<f32>) -> Result<Vec<f32>, InferenceError> {
        // All of them at once, which is fast, before one by one.
        let finite = values.iter().fold(true, |finite, value| finite & value.is_finite());
        match values.iter().find(|value| !finite && !value.is_finite()) {
            Some(&value) => Err(InferenceError::NotFinite { tensor: name.to_owned(), path: self.path.clone(), value }),
            None => Ok(values),
        }
    }
}
