//! In batch mode: the inputs of an operator in their order. What is broadcast comes first, then what has no key, then what has one,
//! key by key and in the order of time within a key.
//!
//! What comes first is read as it comes. The rest is gathered until all inputs have ended; what exceeds the memory for it goes to
//! files in sorted runs. Then the runs are merged.

mod keys;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;

use riverrun_stream::batch::{Batch, DataType};
use riverrun_stream::graph::Partitioner;
use riverrun_stream::{FunctionError, Result};

use keys::SortKeys;
use run::Run;

/// Records of a batch that is put out: few, since a batch is cut where another run comes first.
const CHUNK: usize = 256;

/// Gathers and sorts inputs of one subtask.
pub(crate) struct InputSort {
    /// Bytes, estimated, that may be gathered in memory.
    memory: usize,
    inputs: BTreeMap<usize, Gathered>,
    runs: Vec<Run>,
    merging: bool,
}

/// What has come on one input and is not in a run.
struct Gathered {
    /// How the keys of its records are found; without, they stay in the order in which they came, before those with keys.
    partitioner: Option<Arc<dyn Partitioner>>,
    data_type: Option<DataType>,
    records: Option<Batch>,
    keys: SortKeys,
    bytes: usize,
}

impl InputSort {
    /// For these inputs, each with what knows its keys, if it has keys.
    pub(crate) fn new(inputs: impl IntoIterator<Item = (usize, Option<Arc<dyn Partitioner>>)>, memory: usize) -> Self {
        let gathered =
            |partitioner| Gathered { partitioner, data_type: None, records: None, keys: SortKeys::default(), bytes: 0 };
        let inputs = inputs.into_iter().map(|(input, partitioner)| (input, gathered(partitioner))).collect();
        Self { memory, inputs, runs: Vec::new(), merging: false }
    }

    /// Whether an input is sorted; the others are read as their records come, and so before the sorted ones.
    pub(crate) fn sorts(&self, input: usize) -> bool {
        self.inputs.contains_key(&input)
    }

    /// The inputs that are sorted.
    pub(crate) fn inputs(&self) -> Vec<usize> {
        self.inputs.keys().copied().collect()
    }

    /// Takes in records of an input that is sorted.
    pub(crate) fn add(&mut self, input: usize, batch: Batch) -> Result {
        let Some(gathered) = self.inputs.get_mut(&input) else {
            return Err(FunctionError::internal(format!("input {input} is not sorted")));
        };
        gathered.add(batch)?;
        if self.inputs.values().map(|gathered| gathered.bytes).sum::<usize>() > self.memory {
            let largest = self.inputs.iter_mut().max_by_key(|(_, gathered)| gathered.bytes);
            if let Some((&input, gathered)) = largest {
                self.runs.push(gathered.sorted(input)?.spilled()?);
            }
        }
        Ok(())
    }

    /// All inputs have ended: from now on there is something to [`next`](Self::next).
    pub(crate) fn merge(&mut self) -> Result {
        for (&input, gathered) in &mut self.inputs {
            self.runs.push(gathered.sorted(input)?);
        }
        self.runs.retain(|run| !run.is_empty());
        self.merging = true;
        Ok(())
    }

    pub(crate) fn is_merging(&self) -> bool {
        self.merging
    }

    /// The next records and their input; nothing when all have been put out.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Batch)>> {
        let mut first: Option<usize> = None;
        let mut second: Option<usize> = None;
        for (index, run) in self.runs.iter().enumerate() {
            if first.is_none_or(|other| run.head() < self.runs[other].head()) {
                second = first;
                first = Some(index);
            } else if second.is_none_or(|other| run.head() < self.runs[other].head()) {
                second = Some(index);
            }
        }
        let Some(first) = first else { return Ok(None) };
        let count = match second.and_then(|second| Some((second, self.runs[second].head()?))) {
            // Of equal records those of the older run come first.
            Some((second, bound)) => self.runs[first].count_before(bound, first < second),
            None => usize::MAX,
        };
        let run = &mut self.runs[first];
        let taken = (run.input(), run.take(count.max(1))?);
        if self.runs[first].is_empty() {
            // In order, since of equal records those that came first go first.
            self.runs.remove(first);
        }
        Ok(Some(taken))
    }
}

impl Gathered {
    fn add(&mut self, batch: Batch) -> Result {
        let data_type = *self.data_type.get_or_insert_with(|| batch.data_type());
        self.bytes += batch.estimate_bytes();
        let timestamps = batch.timestamps();
        match &self.partitioner {
            Some(partitioner) => {
                let mut timestamps = timestamps.into_iter();
                partitioner.keys(&batch, &mut |key| self.keys.push(key, timestamps.next().flatten()))?;
            }
            None => timestamps.iter().for_each(|_| self.keys.push(&[], None)),
        }
        data_type.append(self.records.get_or_insert_with(|| data_type.empty_batch()), batch)?;
        Ok(())
    }

    /// Takes out what was gathered, sorted.
    fn sorted(&mut self, input: usize) -> Result<Run> {
        let (keys, records) = (std::mem::take(&mut self.keys), self.records.take());
        self.bytes = 0;
        let (Some(records), Some(data_type)) = (records, self.data_type) else { return Ok(Run::empty(input)) };
        let order = keys.order();
        Ok(Run::in_memory(input, data_type, keys.arranged(&order, CHUNK), records.arrange(&order, CHUNK)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use riverrun_stream::StreamRecord;

    use super::*;

    /// Keys by the second field.
    struct BySecond;

    type Value = (u32, u8);

    impl Partitioner for BySecond {
        fn targets(&self, _: &Batch, _: usize, _: usize, _: &mut Vec<usize>) -> Result {
            Ok(())
        }

        fn keys(&self, batch: &Batch, each: &mut dyn FnMut(&[u8])) -> Result {
            batch.records::<Value>()?.iter().for_each(|record| each(&[record.value.1]));
            Ok(())
        }
    }

    fn put_out(sort: &mut InputSort) -> Vec<(usize, StreamRecord<Value>)> {
        let mut records = Vec::new();
        while let Some((input, batch)) = sort.next().unwrap() {
            assert!(!batch.is_empty());
            records.extend(batch.into_records::<Value>().unwrap().into_iter().map(|record| (input, record)));
        }
        records
    }

    proptest! {
        #[test]
        fn records_come_out_by_key_and_time_and_equal_ones_in_the_order_they_came(
            batches in prop::collection::vec((0_usize..2, prop::collection::vec((0_u8..5, prop::option::of(-3_i64..3)), 0..40)), 0..30),
            memory in 0_usize..6000,
        ) {
            let partitioner = || -> Option<Arc<dyn Partitioner>> { Some(Arc::new(BySecond)) };
            let mut sort = InputSort::new([(0, partitioner()), (1, partitioner())], memory);
            let mut expected = Vec::new();
            for (number, (input, records)) in batches.into_iter().enumerate() {
                let record = |(key, timestamp)| StreamRecord { value: (number as u32, key), timestamp };
                let records: Vec<_> = records.into_iter().map(record).collect();
                expected.extend(records.iter().cloned().map(|record| (input, record)));
                sort.add(input, Batch::new(records)).unwrap();
            }

            sort.merge().unwrap();

            expected.sort_by_key(|(input, record)| (record.value.1, record.timestamp, *input));
            prop_assert_eq!(put_out(&mut sort), expected);
        }
    }
}
