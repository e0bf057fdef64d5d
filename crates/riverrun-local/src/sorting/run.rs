//! Sorted records, in memory or in a file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};

use riverrun_stream::batch::{Batch, DataType};
use riverrun_stream::{FunctionError, Result, Timestamp};

use crate::sorting::keys::{SortKey, SortKeys};

/// Sorted records of one input, taken from the front.
pub(crate) struct Run {
    input: usize,
    current: Option<Chunk>,
    /// How many records of the current chunk have been taken.
    taken: usize,
    rest: Rest,
}

struct Chunk {
    keys: SortKeys,
    records: Batch,
}

enum Rest {
    Memory(VecDeque<Chunk>, Option<DataType>),
    File { chunks: usize, data_type: DataType, file: BufReader<File> },
}

impl Run {
    pub(crate) fn empty(input: usize) -> Self {
        Self { input, current: None, taken: 0, rest: Rest::Memory(VecDeque::new(), None) }
    }

    pub(crate) fn in_memory(input: usize, data_type: DataType, keys: Vec<SortKeys>, records: Vec<Batch>) -> Self {
        let chunks = keys.into_iter().zip(records).map(|(keys, records)| Chunk { keys, records });
        let mut chunks: VecDeque<Chunk> = chunks.collect();
        Self { input, current: chunks.pop_front(), taken: 0, rest: Rest::Memory(chunks, Some(data_type)) }
    }

    /// The same run in a file of its own, which nobody else sees and which is gone when the run is.
    pub(crate) fn spilled(self) -> Result<Self> {
        let (chunks, data_type) = match self.rest {
            Rest::Memory(chunks, Some(data_type)) => (chunks, data_type),
            rest => return Ok(Self { rest, ..self }),
        };
        let chunks: Vec<Chunk> = self.current.into_iter().chain(chunks).collect();
        let spill = || -> Result<File> {
            let mut file = BufWriter::new(tempfile::tempfile()?);
            chunks.iter().try_for_each(|chunk| chunk.write(&mut file))?;
            let mut file = file.into_inner().map_err(|error| FunctionError::external(error.error().to_string()))?;
            file.rewind()?;
            Ok(file)
        };
        let file = BufReader::new(spill().map_err(spilling)?);
        let rest = Rest::File { chunks: chunks.len(), data_type, file };
        let mut run = Self { input: self.input, current: None, taken: 0, rest };
        run.load()?;
        Ok(run)
    }

    pub(crate) fn input(&self) -> usize {
        self.input
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_none()
    }

    /// What its first record is sorted by; of equal ones the lower input comes first.
    pub(crate) fn head(&self) -> Option<(SortKey<'_>, usize)> {
        Some((self.current.as_ref()?.keys.get(self.taken)?, self.input))
    }

    /// How many of the records that are at hand come before this one of another run, equal ones included or not.
    pub(crate) fn count_before(&self, bound: (SortKey<'_>, usize), or_equal: bool) -> usize {
        let Some(current) = &self.current else { return 0 };
        let before = |key: &SortKey<'_>| (*key, self.input) < bound || or_equal && (*key, self.input) == bound;
        current.keys.iter().skip(self.taken).take_while(before).count()
    }

    /// Takes the first records: so many, or as many as are at hand.
    pub(crate) fn take(&mut self, count: usize) -> Result<Batch> {
        let Some(current) = &mut self.current else {
            return Err(FunctionError::internal("a sorted run was read beyond its end"));
        };
        let batch = current.records.split_front(count);
        self.taken += batch.len();
        if current.records.is_empty() {
            self.taken = 0;
            self.load()?;
        }
        Ok(batch)
    }

    fn load(&mut self) -> Result {
        self.current = match &mut self.rest {
            Rest::Memory(chunks, _) => chunks.pop_front(),
            Rest::File { chunks: 0, .. } => None,
            Rest::File { chunks, data_type, file } => {
                *chunks -= 1;
                Some(Chunk::read(data_type, file).map_err(spilling)?)
            }
        };
        Ok(())
    }
}

impl Chunk {
    fn write(&self, file: &mut impl Write) -> Result {
        write_number(file, self.keys.len() as u64)?;
        for (key, timestamp) in self.keys.iter() {
            write_bytes(file, key)?;
            write_number(file, u64::from(timestamp.is_some()))?;
            write_number(file, timestamp.unwrap_or_default().cast_unsigned())?;
        }
        write_bytes(file, &self.records.encode()?)
    }

    fn read(data_type: &DataType, file: &mut impl Read) -> Result<Self> {
        let mut keys = SortKeys::default();
        for _ in 0..read_number(file)? {
            let key = read_bytes(file)?;
            let has_time = read_number(file)? == 1;
            let timestamp: Timestamp = read_number(file)?.cast_signed();
            keys.push(&key, has_time.then_some(timestamp));
        }
        Ok(Self { keys, records: data_type.decode(&read_bytes(file)?)? })
    }
}

fn write_number(file: &mut impl Write, number: u64) -> Result {
    Ok(file.write_all(&number.to_le_bytes())?)
}

fn read_number(file: &mut impl Read) -> Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn write_bytes(file: &mut impl Write, bytes: &[u8]) -> Result {
    write_number(file, bytes.len() as u64)?;
    Ok(file.write_all(bytes)?)
}

fn read_bytes(file: &mut impl Read) -> Result<Vec<u8>> {
    let length = read_number(file)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn spilling(error: FunctionError) -> FunctionError {
    let directory = std::env::temp_dir();
    error.context(format!(
        "sorting the input of a keyed operator in batch mode through a file in {}",
        directory.display()
    ))
}
