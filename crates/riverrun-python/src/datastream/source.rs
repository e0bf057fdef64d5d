//! A Python sequence as a source.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PySlice;
use riverrun::stream::source::{FixedSplits, ReaderStatus, Source, SourceOutput, SourceReader};
use riverrun::stream::{FunctionError, Result, RuntimeContext};

use super::conversion::Conversion;
use super::errors::raised;
use super::value::PyValue;
use crate::gate;

/// The elements of a sequence in their order, read by one subtask. The sequence is sliced as it is read, so that a `range` takes no
/// memory.
pub(crate) struct SequenceSource {
    sequence: Arc<Py<PyAny>>,
    len: usize,
    conversion: Option<Arc<Conversion>>,
}

impl SequenceSource {
    /// `sequence` must not change any more.
    pub(crate) fn new(sequence: Bound<'_, PyAny>, conversion: Option<Arc<Conversion>>) -> PyResult<Self> {
        Ok(Self { len: sequence.len()?, sequence: Arc::new(sequence.unbind()), conversion })
    }
}

impl Source for SequenceSource {
    type Out = PyValue;
    /// The index of the next element.
    type Split = usize;
    type Enumerator = FixedSplits<usize>;
    type Reader = SequenceReader;

    fn name(&self) -> String {
        "Collection Source".into()
    }

    fn is_parallel(&self) -> bool {
        false
    }

    fn create_enumerator(&self) -> Result<Self::Enumerator> {
        Ok(FixedSplits::new([0]))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<Self::Enumerator> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, _: &RuntimeContext) -> Result<SequenceReader> {
        let (sequence, conversion) = (self.sequence.clone(), self.conversion.clone());
        Ok(SequenceReader { sequence, len: self.len, conversion, next: None })
    }
}

/// Walks through the elements.
pub(crate) struct SequenceReader {
    sequence: Arc<Py<PyAny>>,
    len: usize,
    conversion: Option<Arc<Conversion>>,
    next: Option<usize>,
}

impl SourceReader for SequenceReader {
    type Out = PyValue;
    type Split = usize;

    fn add_split(&mut self, split: usize) -> Result {
        self.next = Some(split);
        Ok(())
    }

    fn poll(&mut self, budget: usize, out: &mut SourceOutput<'_, '_, PyValue>) -> Result<ReaderStatus> {
        let Some(next) = self.next else { return Ok(ReaderStatus::NeedsSplit) };
        let end = self.len.min(next + budget);
        let read = |py: Python<'_>| -> PyResult<()> {
            // Not `PySlice::new`, which keeps the numbers that it makes for ever.
            let slice = py.get_type::<PySlice>().call1((next, end))?;
            for element in self.sequence.bind(py).get_item(slice)?.try_iter()? {
                let element = match &self.conversion {
                    None => element?,
                    Some(conversion) => conversion.apply(element?)?,
                };
                out.collect(PyValue::new(element));
            }
            Ok(())
        };
        gate::attach(read).map_err(raised)?;
        self.next = (end < self.len).then_some(end);
        Ok(if self.next.is_some() { ReaderStatus::More } else { ReaderStatus::NeedsSplit })
    }

    fn snapshot(&mut self) -> Result<Vec<usize>> {
        Ok(self.next.into_iter().collect())
    }
}

/// A record that a source in Rust made, as a Python object.
pub(crate) fn to_python<'py, T: IntoPyObject<'py>>(py: Python<'py>, value: T) -> Result<PyValue> {
    use pyo3::IntoPyObjectExt;
    value.into_bound_py_any(py).map(PyValue::new).map_err(|error| FunctionError::internal(error.to_string()))
}
