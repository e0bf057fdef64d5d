//! Keyed records that an operator has taken and not processed.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::data::Data;
use crate::element::StreamRecord;
use crate::error::Result;
use crate::functions::Key;
use crate::state::{FrozenPart, KeyedSnapshot};

/// A record with its key; the number keeps the order across key groups.
#[derive(Clone, Serialize, Deserialize)]
struct PendingForm<K, T> {
    number: usize,
    key: K,
    record: StreamRecord<T>,
}

/// Records that wait for room in the output, under their keys in a snapshot.
pub(crate) struct Pending<K, T>(pub(crate) VecDeque<(K, StreamRecord<T>)>);

impl<K, T> Default for Pending<K, T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: Key, T: Data> Pending<K, T> {
    pub(crate) fn restore(&mut self, snapshot: &mut KeyedSnapshot, part: &str) -> Result {
        let mut forms: Vec<PendingForm<K, T>> = snapshot.take(part)?;
        forms.sort_by_key(|form| form.number);
        self.0 = forms.into_iter().map(|form| (form.key, form.record)).collect();
        Ok(())
    }

    pub(crate) fn freeze(&self, part: &'static str) -> FrozenPart {
        let form = |(number, (key, record)): (usize, &(K, StreamRecord<T>))| PendingForm {
            number,
            key: key.clone(),
            record: record.clone(),
        };
        let forms: Vec<_> = self.0.iter().enumerate().map(form).collect();
        Box::new(move |snapshot| snapshot.add(part, forms, |form| &form.key))
    }
}
