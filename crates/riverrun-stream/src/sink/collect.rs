//! Into a vector of this process: what `execute_and_collect` reads.

use std::sync::{Arc, Mutex, PoisonError};

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::StreamRecord;
use crate::error::Result;
use crate::operator::Readiness;
use crate::sink::{NoCommit, Sink, SinkWriter};

pub(crate) struct CollectSink<T>(pub(crate) Arc<Mutex<Vec<T>>>);

pub(crate) struct CollectWriter<T>(Arc<Mutex<Vec<T>>>);

impl<T: Data> Sink for CollectSink<T> {
    type In = T;
    type Committable = ();
    type Writer = CollectWriter<T>;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Collect".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<CollectWriter<T>> {
        Ok(CollectWriter(self.0.clone()))
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl<T: Data> SinkWriter for CollectWriter<T> {
    type In = T;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<T>>) -> Result<Readiness> {
        let mut collected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        collected.extend(records.into_iter().map(|record| record.value));
        Ok(Readiness::Ready)
    }
}
