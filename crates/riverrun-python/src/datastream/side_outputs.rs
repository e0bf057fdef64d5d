//! The side outputs of a Python function: those that the program reads.

use std::sync::{Arc, Mutex, PoisonError};

use riverrun::stream::OutputTag;
use riverrun::stream::batch::DataType;

use super::value::PyValue;

/// The tags that the program has asked for. A Python function does not declare its side outputs as one in Rust does; what nobody
/// asked for is dropped, as in Flink.
#[derive(Clone, Default)]
pub(crate) struct SideOutputs(Arc<Mutex<Vec<String>>>);

impl SideOutputs {
    /// Adds a tag that the program reads.
    pub(crate) fn declare(&self, id: &str) -> OutputTag<PyValue> {
        let mut tags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !tags.iter().any(|tag| tag == id) {
            tags.push(id.into());
        }
        OutputTag::new(id)
    }

    /// The output ports of the operator.
    pub(crate) fn ports(&self) -> Vec<(String, DataType)> {
        self.tags().iter().map(OutputTag::port).collect()
    }

    /// The tags as they are now: a function takes them when it is opened, and the program is complete.
    pub(crate) fn tags(&self) -> Vec<OutputTag<PyValue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(OutputTag::new).collect()
    }
}

/// The tag of this name among those that are read.
pub(crate) fn find<'t>(tags: &'t [OutputTag<PyValue>], id: &str) -> Option<&'t OutputTag<PyValue>> {
    tags.iter().find(|tag| tag.id() == id)
}
