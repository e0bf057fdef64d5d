//! Tensors as a safetensors file has them, and such a file of them.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::InferenceError;

/// A tensor that is to be written, or was read as it is.
pub(crate) struct StoredTensor {
    pub(crate) name: String,
    /// The name of its numbers' format, as in `F32`.
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    /// Its numbers, the least significant byte first.
    pub(crate) bytes: Vec<u8>,
}

/// Writes a file of these tensors.
pub(crate) fn write_tensors(path: &Path, tensors: &[StoredTensor]) -> Result<(), InferenceError> {
    let mut header = serde_json::Map::from_iter([("__metadata__".to_owned(), json!({"format": "pt"}))]);
    let mut end = 0;
    for tensor in tensors {
        let start = end;
        end += tensor.bytes.len();
        let info = json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [start, end]});
        header.insert(tensor.name.clone(), info);
    }
    let mut header = serde_json::Value::Object(header).to_string();
    // So that whoever maps the file finds the tensors on a boundary of eight bytes.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    let written = File::create(path).and_then(|mut file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        tensors.iter().try_for_each(|tensor| file.write_all(&tensor.bytes))?;
        file.sync_all()
    });
    written.map_err(|source| InferenceError::Write { path: path.to_owned(), source })
}
