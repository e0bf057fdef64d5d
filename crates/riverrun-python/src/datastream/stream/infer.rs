//! Where a stream of Python records meets a runner: the interpreter is free while the model computes.

use std::sync::Arc;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use riverrun::inference::{Classification, TextInput};
use riverrun::stream::FunctionError;
use riverrun::stream_inference::InferExt;

use super::PyStream;
use crate::classifier::{TextClassificationRunner, labels};
use crate::datastream::errors::raised;
use crate::datastream::value::PyValue;
use crate::text_input::{self, Asked};

#[pymethods]
impl PyStream {
    /// Puts out `(record, result)` for each record. `text` takes a record's text; `output` makes the result of the labels and of
    /// whether the text was a string.
    #[pyo3(signature = (runner, text, is_ordered, capacity, output))]
    fn infer(
        &self, runner: &TextClassificationRunner, text: Option<Py<PyAny>>, is_ordered: bool, capacity: Option<usize>,
        output: Py<PyAny>,
    ) -> PyResult<Self> {
        crate::forked::check()?;
        let text = text.map(Arc::new);
        let take_text = move |value: PyValue| {
            let take = |py: Python<'_>| {
                let item = match &text {
                    None => value.bind(py).clone(),
                    Some(text) => text.bind(py).call1((value.bind(py),))?,
                };
                text_input::text(&item, None, Asked::new(None, None)?)
            };
            let taken = Python::attach(take).map_err(raised)?;
            Ok::<_, FunctionError>((value, taken))
        };
        let texts = self.stream()?.try_map(take_text).name("Text");
        let mut inferred = texts.infer(&runner.runner, |(_, text): &(PyValue, TextInput)| text.clone());
        if !is_ordered {
            inferred = inferred.unordered();
        }
        if let Some(records) = capacity {
            inferred = inferred.capacity(records);
        }
        let output = Arc::new(output);
        let give = move |((value, text), found): ((PyValue, TextInput), Vec<Classification>)| {
            let give = |py: Python<'_>| {
                let result = output.bind(py).call1((labels(py, &found)?, text.text_pair.is_none()))?;
                (value.into_bound(py), result).into_bound_py_any(py).map(PyValue::new)
            };
            Python::attach(give).map_err(raised)
        };
        Ok(Self::of(inferred.into_stream().try_map::<_, FunctionError>(give).name("Result")))
    }
}
