//! The elements of a collection: [`CollectionSource`].

use std::sync::Arc;

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::error::Result;
use crate::source::{FixedSplits, ReaderStatus, Source, SourceOutput, SourceReader};

/// The elements of a collection in their order, read by one subtask. Same as Flink's `from_collection`.
pub struct CollectionSource<T> {
    elements: Arc<[T]>,
}

impl<T> CollectionSource<T> {
    /// These elements.
    pub fn new(elements: impl IntoIterator<Item = T>) -> Self {
        Self { elements: elements.into_iter().collect() }
    }
}

impl<T: Data + Sync> Source for CollectionSource<T> {
    type Out = T;
    /// The index of the next element.
    type Split = usize;
    type Enumerator = FixedSplits<usize>;
    type Reader = CollectionReader<T>;

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

    fn create_reader(&self, _: &RuntimeContext) -> Result<CollectionReader<T>> {
        Ok(CollectionReader { elements: self.elements.clone(), next: None })
    }
}

/// Walks through the elements.
pub struct CollectionReader<T> {
    elements: Arc<[T]>,
    next: Option<usize>,
}

impl<T: Data + Sync> SourceReader for CollectionReader<T> {
    type Out = T;
    type Split = usize;

    fn add_split(&mut self, split: usize) -> Result {
        self.next = Some(split);
        Ok(())
    }

    fn poll(&mut self, budget: usize, out: &mut SourceOutput<'_, '_, T>) -> Result<ReaderStatus> {
        let Some(next) = self.next else { return Ok(ReaderStatus::NeedsSplit) };
        let end = self.elements.len().min(next + budget);
        out.extend(self.elements.get(next..end).unwrap_or_default().iter().cloned());
        self.next = (end < self.elements.len()).then_some(end);
        Ok(if self.next.is_some() { ReaderStatus::More } else { ReaderStatus::NeedsSplit })
    }

    fn snapshot(&mut self) -> Result<Vec<usize>> {
        Ok(self.next.into_iter().collect())
    }
}
