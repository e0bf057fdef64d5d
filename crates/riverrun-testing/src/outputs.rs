//! What operators emitted, with the types erased: comparing runs and saying how they differ.

use std::collections::BTreeMap;

use riverrun_stream::Data;
use riverrun_stream::batch::Batch;
use riverrun_stream::element::{StreamElement, StreamRecord, Timestamp};

use crate::harness::{HarnessError, OperatorHarness};

/// The records of each output in their persisted form; what was observed elsewhere comes as one more output.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Collected {
    pub(crate) ports: Vec<Vec<Vec<u8>>>,
}

/// One record, whatever its type. Only the timestamp is looked at.
#[derive(serde::Deserialize)]
struct AnyRecord {
    value: serde_json::Value,
    timestamp: Option<Timestamp>,
}

/// Encodes a batch record by record.
pub(crate) fn encode_each(batch: Batch) -> Result<Vec<Vec<u8>>, HarnessError> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let mut next = 0..batch.len();
    // A batch of each record; cutting them off the front one by one would move the rest every time.
    let singles = batch.deal(next.len(), || next.next().unwrap_or_default());
    singles.iter().map(|single| Ok(single.encode()?)).collect()
}

fn decode(record: &[u8]) -> Option<AnyRecord> {
    rmp_serde::from_slice::<Vec<AnyRecord>>(record).ok()?.pop()
}

/// For people.
fn show(record: &[u8]) -> String {
    match decode(record) {
        Some(AnyRecord { value, timestamp: None }) => value.to_string(),
        Some(AnyRecord { value, timestamp: Some(time) }) => format!("{value} at {time}"),
        None => format!("{record:02x?}"),
    }
}

/// How many there are: their bytes would say nothing to anyone.
impl std::fmt::Debug for Collected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ports.iter().map(Vec::len)).finish()
    }
}

impl Collected {
    pub(crate) fn of(ports: usize) -> Self {
        Self { ports: vec![Vec::new(); ports] }
    }

    /// Adds what a subtask has emitted. `watermarks` are the last ones of its outputs.
    ///
    /// Says so where a record came behind a watermark that had promised there would be none, unless late ones are allowed.
    pub(crate) fn take(
        &mut self, harness: &mut OperatorHarness, watermarks: &mut [Timestamp], late_allowed: bool,
    ) -> Result<Option<String>, HarnessError> {
        let mut overtaken = None;
        for (port, last) in watermarks.iter_mut().enumerate() {
            for element in harness.take_elements(port) {
                match element {
                    StreamElement::Watermark(watermark) => *last = (*last).max(watermark),
                    StreamElement::Records(batch) => {
                        let records = encode_each(batch)?;
                        let watermark = *last;
                        if watermark > Timestamp::MIN && !late_allowed {
                            let late = records.iter().find(|record| {
                                decode(record).and_then(|record| record.timestamp).is_some_and(|time| time <= watermark)
                            });
                            overtaken = overtaken.or_else(|| {
                                let late = show(late?);
                                Some(format!("output {port}: the watermark {watermark} overtook the record {late}"))
                            });
                        }
                        self.ports[port].extend(records);
                    }
                    _ => {}
                }
            }
        }
        Ok(overtaken)
    }

    /// Adds what was observed elsewhere.
    pub(crate) fn add_observed(&mut self, records: Vec<Vec<u8>>) {
        self.ports.push(records);
    }

    /// How this run differs from the undisturbed one, in words.
    pub(crate) fn difference(&self, undisturbed: &Self, ordered: bool) -> Option<String> {
        for (port, (found, expected)) in self.ports.iter().zip(&undisturbed.ports).enumerate() {
            let mut counts: BTreeMap<&[u8], i64> = BTreeMap::new();
            expected.iter().for_each(|record| *counts.entry(record).or_default() += 1);
            found.iter().for_each(|record| *counts.entry(record).or_default() -= 1);
            let some = |wanted: fn(i64) -> bool| -> (i64, String) {
                let differing: Vec<_> = counts.iter().filter(|&(_, &count)| wanted(count)).collect();
                let total = differing.iter().map(|&(_, count)| count.abs()).sum();
                (total, differing.iter().take(3).map(|(record, _)| show(record)).collect::<Vec<_>>().join(", "))
            };
            let ((lost, which_lost), (repeated, which_repeated)) = (some(|count| count > 0), some(|count| count < 0));
            if lost + repeated > 0 {
                return Some(format!(
                    "output {port}: {lost} records lost ({which_lost}), {repeated} repeated or made up ({which_repeated})"
                ));
            }
            if let Some(index) = (0..found.len()).find(|&index| ordered && found[index] != expected[index]) {
                let (found, expected) = (show(&found[index]), show(&expected[index]));
                return Some(format!(
                    "output {port}: record {index} is {found}, and {expected} in the undisturbed run"
                ));
            }
        }
        None
    }

    /// The values of an output.
    pub(crate) fn values<T: Data>(&self, port: usize) -> Result<Vec<T>, HarnessError> {
        let type_of = riverrun_stream::batch::DataType::of::<T>();
        let mut values = Vec::new();
        for record in self.ports.get(port).into_iter().flatten() {
            let records: Vec<StreamRecord<T>> = type_of.decode(record)?.into_records()?;
            values.extend(records.into_iter().map(|record| record.value));
        }
        Ok(values)
    }
}
