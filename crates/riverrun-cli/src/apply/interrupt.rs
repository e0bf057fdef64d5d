//! Ctrl-C: the source ends, and what was read is finished.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use riverrun::prelude::*;
use riverrun::stream::operator::CompletionSender;
use riverrun::stream::source::{
    Boundedness, ReaderStatus, Source, SourceOutput, SourceReader, SplitAssignment, SplitEnumerator,
};

use crate::failure::Failure;

/// Whether the user wants it to end.
#[derive(Default)]
pub(super) struct Interrupt {
    requested: AtomicBool,
    /// Readers that may be waiting for a line.
    waiting: Mutex<Vec<CompletionSender>>,
}

impl Interrupt {
    /// Has Ctrl-C end the source; the second one ends the process.
    pub(super) fn install() -> crate::failure::Result<Arc<Self>> {
        let interrupt = Arc::new(Self::default());
        let pressed = interrupt.clone();
        ctrlc::set_handler(move || {
            if pressed.requested.swap(true, Ordering::AcqRel) {
                std::process::exit(130);
            }
            for reader in pressed.waiting.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                reader.send(Box::new(()));
            }
        })
        .map_err(|error| Failure::Failed(format!("cannot listen to Ctrl-C: {error}; start it from a shell")))?;
        Ok(interrupt)
    }

    pub(super) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }
}

/// A source that ends when it is interrupted.
pub(super) struct Interruptible<S> {
    pub(super) source: S,
    pub(super) interrupt: Arc<Interrupt>,
}

/// Its reader or its enumerator.
pub(super) struct Until<I> {
    inner: I,
    interrupt: Arc<Interrupt>,
}

impl<S> Interruptible<S> {
    fn until<I>(&self, inner: I) -> Until<I> {
        Until { inner, interrupt: self.interrupt.clone() }
    }
}

impl<S: Source> Source for Interruptible<S> {
    type Out = S::Out;
    type Split = S::Split;
    type Enumerator = Until<S::Enumerator>;
    type Reader = Until<S::Reader>;

    fn name(&self) -> String {
        self.source.name()
    }

    fn is_parallel(&self) -> bool {
        self.source.is_parallel()
    }

    fn boundedness(&self) -> Boundedness {
        self.source.boundedness()
    }

    fn create_enumerator(&self) -> Result<Self::Enumerator> {
        Ok(self.until(self.source.create_enumerator()?))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<Self::Enumerator> {
        Ok(self.until(self.source.restore_enumerator(state)?))
    }

    fn create_reader(&self, context: &RuntimeContext) -> Result<Self::Reader> {
        self.interrupt.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(context.completions.clone());
        Ok(self.until(self.source.create_reader(context)?))
    }
}

impl<E: SplitEnumerator> SplitEnumerator for Until<E> {
    type Split = E::Split;

    fn next_split(&mut self, subtask: usize, parallelism: usize) -> Result<SplitAssignment<E::Split>> {
        if self.interrupt.is_requested() {
            return Ok(SplitAssignment::NoMore);
        }
        self.inner.next_split(subtask, parallelism)
    }

    fn add_splits_back(&mut self, splits: Vec<E::Split>) {
        self.inner.add_splits_back(splits);
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        self.inner.snapshot()
    }
}

impl<R: SourceReader> SourceReader for Until<R> {
    type Out = R::Out;
    type Split = R::Split;

    fn add_split(&mut self, split: R::Split) -> Result {
        self.inner.add_split(split)
    }

    fn poll(&mut self, budget: usize, out: &mut SourceOutput<'_, '_, R::Out>) -> Result<ReaderStatus> {
        if self.interrupt.is_requested() {
            return Ok(ReaderStatus::NeedsSplit);
        }
        self.inner.poll(budget, out)
    }

    fn snapshot(&mut self) -> Result<Vec<R::Split>> {
        self.inner.snapshot()
    }
}
