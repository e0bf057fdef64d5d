//! A safetensors file, of which tensors are read one by one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use serde::Deserialize;

use super::stored_tensor::StoredTensor;
use super::table::Table;
use crate::InferenceError;
use crate::kernels::MappedFile;

/// The longest header that is read: one of a model with a hundred thousand tensors is shorter.
const LONGEST_HEADER: u64 = 100 << 20;
/// Bytes that are converted at a time, so that a tensor never stands in memory twice.
const CHUNK: usize = 1 << 20;

/// An open file.
pub(super) struct SafetensorsFile {
    pub(super) path: PathBuf,
    file: File,
    /// Where the tensors' bytes begin.
    start: u64,
    tensors: HashMap<String, TensorInfo>,
}

#[derive(Deserialize)]
pub(super) struct TensorInfo {
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
    data_offsets: (u64, u64),
}

#[derive(Clone, Copy)]
enum NumberFormat {
    F32,
    /// Numbers of two bytes.
    Half(fn([u8; 2]) -> f32),
}

impl SafetensorsFile {
    pub(super) fn open(path: PathBuf) -> Result<Self, InferenceError> {
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

    /// The tensor of this name, if there is one.
    pub(super) fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// The numbers of a tensor of floats, which has to have this shape.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, InferenceError> {
        let Some(info) = self.tensors.get(name) else {
            return Ok(Vec::new());
        };
        let path = self.path.clone();
        let (format, width) = match info.dtype.as_str() {
            "F32" => (NumberFormat::F32, 4),
            "F16" => (NumberFormat::Half(|bytes| half::f16::from_le_bytes(bytes).to_f32()), 2),
            "BF16" => (NumberFormat::Half(|bytes| half::bf16::from_le_bytes(bytes).to_f32()), 2),
            _ => {
                let found = info.dtype.clone();
                return Err(InferenceError::TensorType { tensor: name.to_owned(), path, found });
            }
        };
        let count = self.begin(name, shape, width)?;
        let read = |source| InferenceError::Read { path: path.clone(), source };
        let mut values = vec![0f32; count];
        match format {
            NumberFormat::F32 => {
                self.file.read_exact(bytemuck::cast_slice_mut(&mut values)).map_err(read)?;
                // No effect where the least significant byte comes first.
                values.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
            }
            NumberFormat::Half(float) => {
                let mut buffer = vec![0; CHUNK.min(count * width)];
                for values in values.chunks_mut(CHUNK / 2) {
                    let chunk = &mut buffer[..values.len() * 2];
                    self.file.read_exact(chunk).map_err(read)?;
                    values.iter_mut().zip(chunk.as_chunks().0).for_each(|(value, bytes)| *value = float(*bytes));
                }
            }
        }
        self.finite(name, values)
    }

    /// The numbers of a tensor of floats where they are, if they can be read there.
    pub(super) fn mapped(&mut self, name: &str, shape: &[usize]) -> Result<Option<Table>, InferenceError> {
        let start = match self.tensors.get(name) {
            Some(info) if info.dtype == "F32" => self.start + info.data_offsets.0,
            _ => return Ok(None),
        };
        let bytes = self.begin(name, shape, 4)? * 4;
        let (Ok(start), Ok(file)) = (usize::try_from(start), MappedFile::open(&self.path)) else { return Ok(None) };
        Ok(Table::mapped(file, start..start + bytes))
    }

    /// The numbers of a tensor of bytes, which has to have this shape.
    pub(super) fn signed_bytes(&mut self, name: &str, shape: &[usize]) -> Result<Vec<i8>, InferenceError> {
        let count = self.begin(name, shape, 1)?;
        let mut values = vec![0i8; count];
        let read = |source| InferenceError::Read { path: self.path.clone(), source };
        self.file.read_exact(bytemuck::cast_slice_mut(&mut values)).map_err(read)?;
        Ok(values)
    }

    /// A tensor as it is.
    pub(super) fn stored(&mut self, name: &str) -> Result<Option<StoredTensor>, InferenceError> {
        let Some(TensorInfo { dtype, shape, data_offsets: (start, end) }) = self.tensors.get(name) else {
            return Ok(None);
        };
        let stored =
            StoredTensor { name: name.to_owned(), dtype: dtype.clone(), shape: shape.clone(), bytes: Vec::new() };
        let read = |source| InferenceError::Read { path: self.path.clone(), source };
        self.file.seek(SeekFrom::Start(self.start + start)).map_err(read)?;
        let mut bytes = Vec::new();
        self.file.by_ref().take(end - start).read_to_end(&mut bytes).map_err(read)?;
        Ok(Some(StoredTensor { bytes, ..stored }))
    }

    /// Goes to the numbers of a tensor, after seeing that there are as many of them as this shape asks for, of `width` bytes each.
    fn begin(&mut self, name: &str, shape: &[usize], width: usize) -> Result<usize, InferenceError> {
        let Some(info) = self.tensors.get(name) else { return Ok(0) };
        let (tensor, path) = (name.to_owned(), self.path.clone());
        if info.shape != shape {
            let (found, expected) = (info.shape.clone(), shape.to_vec());
            return Err(InferenceError::Shape { tensor, path, found, expected });
        }
        let (start, end) = info.data_offsets;
        let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let bytes = count.and_then(|count| count.checked_mul(width));
        let (Some(count), true) = (count, bytes.is_some_and(|bytes| bytes as u64 == end - start)) else {
            let problem = format!("tensor `{name}` has {} bytes, which its shape {shape:?} does not need", end - start);
            return Err(InferenceError::Safetensors { path, problem });
        };
        let read = |source| InferenceError::Read { path, source };
        self.file.seek(SeekFrom::Start(self.start + start)).map_err(read)?;
        Ok(count)
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
