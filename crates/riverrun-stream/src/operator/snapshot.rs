//! Snapshots of an operator: their kinds, their two phases, and how they are dealt to another parallelism.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::key_group::key_group_range;

/// What a snapshot is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotKind {
    /// Recovery; taken while the job runs on.
    Checkpoint,
    /// Kept by the user; taken while the job runs on.
    Savepoint,
    /// The job stops after it; nothing more is emitted, and the work in flight is state.
    Stop,
    /// The job stops after it, with all inputs ended and everything pending emitted.
    StopWithDrain,
}

/// A request to take part in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRequest {
    /// The checkpoint's number: grows within a job.
    pub id: u64,
    /// What it is taken for.
    pub kind: SnapshotKind,
}

/// State that no longer changes, waiting to be written on another thread.
pub trait FrozenState: Send {
    /// Writes the state: every key group of the subtask's range, empty ones too.
    ///
    /// # Errors
    /// A value can't be serialized, or the writer's storage says no.
    fn write(self: Box<Self>, writer: &mut dyn SnapshotWriter) -> Result;
}

impl<F: FnOnce(&mut dyn SnapshotWriter) -> Result + Send> FrozenState for F {
    fn write(self: Box<Self>, writer: &mut dyn SnapshotWriter) -> Result {
        self(writer)
    }
}

/// The frozen state of an operator that keeps none.
pub(super) fn nothing() -> Box<dyn FrozenState> {
    Box::new(|_: &mut dyn SnapshotWriter| Ok(()))
}

/// Where frozen state goes.
pub trait SnapshotWriter {
    /// An entry of list state: after a restore, the entries of all subtasks are dealt out again.
    ///
    /// # Errors
    /// The storage says no.
    fn list_entry(&mut self, state: &str, bytes: Vec<u8>) -> Result;

    /// An entry of union state: after a restore, every subtask gets the entries of all.
    ///
    /// # Errors
    /// The storage says no.
    fn union_entry(&mut self, state: &str, bytes: Vec<u8>) -> Result;

    /// The state of one key group.
    ///
    /// # Errors
    /// The storage says no.
    fn key_group(&mut self, key_group: usize, bytes: Vec<u8>) -> Result;
}

/// What one subtask wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSnapshot {
    /// List state by name, in the order written.
    pub list: BTreeMap<String, Vec<Vec<u8>>>,
    /// Union state by name, in the order written.
    pub union: BTreeMap<String, Vec<Vec<u8>>>,
    /// Keyed state and timers by key group.
    pub key_groups: BTreeMap<usize, Vec<u8>>,
}

impl SnapshotWriter for OperatorSnapshot {
    fn list_entry(&mut self, state: &str, bytes: Vec<u8>) -> Result {
        self.list.entry(state.into()).or_default().push(bytes);
        Ok(())
    }

    fn union_entry(&mut self, state: &str, bytes: Vec<u8>) -> Result {
        self.union.entry(state.into()).or_default().push(bytes);
        Ok(())
    }

    fn key_group(&mut self, key_group: usize, bytes: Vec<u8>) -> Result {
        self.key_groups.insert(key_group, bytes);
        Ok(())
    }
}

/// What one subtask gets back.
pub type RestoredState = OperatorSnapshot;

impl OperatorSnapshot {
    /// Whether there is no state at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.union.is_empty() && self.key_groups.values().all(Vec::is_empty)
    }

    /// Takes the entries of a list state out.
    pub fn take_list(&mut self, state: &str) -> Vec<Vec<u8>> {
        self.list.remove(state).unwrap_or_default()
    }
}

/// Deals the snapshots of all subtasks to `parallelism` new ones: list entries in contiguous runs (so that what one subtask
/// held in order stays in order), union entries to everyone, key groups by range.
#[must_use]
pub fn redistribute(snapshots: &[OperatorSnapshot], parallelism: usize, max_parallelism: usize) -> Vec<RestoredState> {
    let mut list: BTreeMap<&str, Vec<&Vec<u8>>> = BTreeMap::new();
    let mut union: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    let mut key_groups: BTreeMap<usize, &Vec<u8>> = BTreeMap::new();
    for snapshot in snapshots {
        for (state, entries) in &snapshot.list {
            list.entry(state).or_default().extend(entries);
        }
        for (state, entries) in &snapshot.union {
            union.entry(state.clone()).or_default().extend(entries.iter().cloned());
        }
        key_groups.extend(snapshot.key_groups.iter().map(|(&group, bytes)| (group, bytes)));
    }
    (0..parallelism)
        .map(|subtask| OperatorSnapshot {
            list: list
                .iter()
                .map(|(&state, entries)| {
                    let cut = |index: usize| index * entries.len() / parallelism;
                    let share = &entries[cut(subtask)..cut(subtask + 1)];
                    (state.to_string(), share.iter().map(|entry| (*entry).clone()).collect::<Vec<_>>())
                })
                .filter(|(_, entries)| !entries.is_empty())
                .collect(),
            union: union.clone(),
            key_groups: key_group_range(max_parallelism, parallelism, subtask)
                .filter_map(|group| key_groups.get(&group).map(|&bytes| (group, bytes.clone())))
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn redistribution_loses_and_repeats_nothing(counts in prop::collection::vec(0_usize..7, 1..5), parallelism in 1_usize..6) {
            let mut next = 0_u8;
            let snapshots: Vec<OperatorSnapshot> = counts.iter().enumerate().map(|(subtask, &count)| {
                let mut snapshot = OperatorSnapshot::default();
                for _ in 0..count {
                    snapshot.list_entry("s", vec![next]).unwrap();
                    snapshot.union_entry("u", vec![next]).unwrap();
                    next += 1;
                }
                for group in key_group_range(16, counts.len(), subtask) {
                    snapshot.key_group(group, vec![group as u8]).unwrap();
                }
                snapshot
            }).collect();

            let restored = redistribute(&snapshots, parallelism, 16);

            let entries: Vec<u8> = restored.iter().flat_map(|state| state.list.get("s").into_iter().flatten().map(|entry| entry[0])).collect();
            prop_assert_eq!(entries, (0..next).collect::<Vec<_>>());
            let groups: Vec<usize> = restored.iter().flat_map(|state| state.key_groups.keys().copied()).collect();
            prop_assert_eq!(groups, (0..16).collect::<Vec<_>>());
            for state in &restored {
                prop_assert_eq!(state.union.get("u").map_or(0, Vec::len), usize::from(next));
            }
        }
    }
}
