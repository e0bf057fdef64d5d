//! Tensors as Python has them: `(name, datatype, shape, data)`, where data are bytes, or strings in a list.

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList};
use riverrun::runner::wire::{Datatype, Tensor, TensorData, TensorSpec};

use crate::error::python::{BadInput, BadInputType};

pub(super) fn from_python(tensors: &Bound<'_, PyList>) -> PyResult<Vec<Tensor>> {
    tensors.iter().map(|tensor| one(&tensor)).collect()
}

fn one(tensor: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let (name, datatype, shape, data): (String, String, Vec<u64>, Bound<'_, PyAny>) = tensor.extract()?;
    let datatype: Datatype =
        datatype.parse().map_err(|error| BadInput::new_err(format!("tensor `{name}`: {error}")))?;
    let data = if datatype == Datatype::Bytes {
        TensorData::Strings(data.extract::<Vec<Vec<u8>>>()?)
    } else {
        let buffer = PyBuffer::<u8>::get(&data)
            .map_err(|_| BadInputType::new_err(format!("tensor `{name}` has no bytes that can be read")))?;
        TensorData::Fixed(buffer.to_vec(data.py())?)
    };
    Tensor::new(name, datatype, shape, data).map_err(|error| BadInput::new_err(error.to_string()))
}

/// The data are byte arrays, since who gets an array of numbers may write to it.
pub(super) fn to_python<'py>(py: Python<'py>, tensors: &[Tensor]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for tensor in tensors {
        let (name, datatype, shape) = (tensor.name(), tensor.datatype().name(), tensor.shape().to_vec());
        let data = match tensor.data() {
            TensorData::Fixed(bytes) => PyByteArray::new(py, bytes).into_any(),
            TensorData::Strings(strings) => {
                PyList::new(py, strings.iter().map(|string| PyBytes::new(py, string)))?.into_any()
            }
        };
        list.append((name, datatype, shape, data))?;
    }
    Ok(list)
}

pub(super) fn specs(specs: Vec<TensorSpec>) -> Vec<(String, &'static str, Vec<i64>)> {
    specs.into_iter().map(|spec| (spec.name, spec.datatype.name(), spec.shape)).collect()
}
