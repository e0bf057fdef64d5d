//! From values to rows.

use std::io::{self, Write};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use riverrun_stream::{Data, Result};

use crate::format::Encoder;

/// Makes rows of values.
pub struct CsvEncoder<T> {
    writer: csv::Writer<Row>,
    row: Row,
    record: PhantomData<fn(T)>,
}

/// What the writer has written, where it can be taken out again: the writer keeps its end to itself.
#[derive(Clone, Default)]
struct Row(Arc<Mutex<Vec<u8>>>);

impl Row {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Row {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T> CsvEncoder<T> {
    pub(super) fn new(delimiter: u8, with_header: bool) -> Self {
        let row = Row::default();
        let writer = csv::WriterBuilder::new().delimiter(delimiter).has_headers(with_header).from_writer(row.clone());
        Self { writer, row, record: PhantomData }
    }
}

impl<T: Data> Encoder for CsvEncoder<T> {
    type In = T;

    fn encode(&mut self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        self.writer.serialize(value).map_err(|error| error.to_string())?;
        self.writer.flush().map_err(|error| error.to_string())?;
        out.append(&mut self.row.lock());
        Ok(())
    }
}
