//! Counts the results and adds them up, so that both sides can be seen to do the same work, and takes the time from the first
//! record to the end of the last result.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use riverrun_stream::operator::Readiness;
use riverrun_stream::sink::{NoCommit, Sink, SinkWriter};
use riverrun_stream::{Result, RuntimeContext, StreamRecord};

use crate::Pair;

#[derive(Default)]
pub(crate) struct Totals {
    began: OnceLock<Instant>,
    ended: Mutex<Option<Instant>>,
    results: AtomicU64,
    checksum: AtomicU64,
}

impl Totals {
    pub(crate) fn begin(&self) {
        self.began.get_or_init(Instant::now);
    }

    pub(crate) fn json(&self, records: u64) -> String {
        let ended = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = ended.zip(self.began.get()).map_or(0.0, |(ended, began)| (ended - *began).as_secs_f64());
        // As Java's `long` shows it.
        let checksum = self.checksum.load(Ordering::Relaxed).cast_signed();
        let results = self.results.load(Ordering::Relaxed);
        format!(r#"{{"records": {records}, "seconds": {seconds:.3}, "results": {results}, "checksum": {checksum}}}"#)
    }
}

pub(crate) struct TotalsSink(pub(crate) Arc<Totals>);

impl Sink for TotalsSink {
    type In = Pair;
    type Committable = ();
    type Writer = Writer;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "totals".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<Writer> {
        Ok(Writer { totals: self.0.clone(), results: 0, checksum: 0 })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

pub(crate) struct Writer {
    totals: Arc<Totals>,
    results: u64,
    checksum: u64,
}

impl SinkWriter for Writer {
    type In = Pair;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<Pair>>) -> Result<Readiness> {
        self.results += records.len() as u64;
        for record in records {
            self.checksum = self.checksum.wrapping_add(record.value.1);
        }
        Ok(Readiness::Ready)
    }

    fn flush(&mut self, end_of_input: bool) -> Result<Readiness> {
        if end_of_input {
            *self.totals.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.totals.results.fetch_add(self.results, Ordering::Relaxed);
            self.totals.checksum.fetch_add(self.checksum, Ordering::Relaxed);
            (self.results, self.checksum) = (0, 0);
        }
        Ok(Readiness::Ready)
    }
}
