//! State of a subtask that needs no key: [`OperatorStateStore`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::data::Data;
use crate::error::Result;
use crate::operator::{RestoredState, SnapshotWriter, decode_state, encode_state};
use crate::state::descriptor::ListStateDescriptor;

/// How the entries of a list are dealt out after a restore.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Redistribution {
    /// Split among the subtasks.
    Split,
    /// All of them to every subtask.
    Union,
}

type Freeze = Arc<dyn Fn() -> Result<Vec<Vec<u8>>> + Send + Sync>;

#[derive(Default)]
struct Store {
    restored: RestoredState,
    lists: BTreeMap<String, (bool, Freeze)>,
}

/// The operator state of one subtask. A function reaches it in `open`, as `context.operator_state`.
///
/// Same as Flink's `OperatorStateStore`; what is in a list when a snapshot is taken is stored, and nothing has to be copied
/// into it for that.
#[derive(Clone, Default)]
pub struct OperatorStateStore(Arc<Mutex<Store>>);

/// Apart from what operators store for themselves.
fn entry_name(state: &str) -> String {
    format!("operator state {state}")
}

impl OperatorStateStore {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A list whose elements are split among the subtasks after a restore.
    ///
    /// # Errors
    /// A snapshot holds elements of another type under this name.
    pub fn get_list_state<T: Data>(&self, descriptor: &ListStateDescriptor<T>) -> Result<OperatorListState<T>> {
        self.list(descriptor, Redistribution::Split)
    }

    /// A list whose elements all go to every subtask after a restore.
    ///
    /// # Errors
    /// A snapshot holds elements of another type under this name.
    pub fn get_union_list_state<T: Data>(&self, descriptor: &ListStateDescriptor<T>) -> Result<OperatorListState<T>> {
        self.list(descriptor, Redistribution::Union)
    }

    fn list<T: Data>(
        &self, descriptor: &ListStateDescriptor<T>, redistribution: Redistribution,
    ) -> Result<OperatorListState<T>> {
        let name = entry_name(&descriptor.name);
        let mut store = self.store();
        let mut entries = store.restored.take_list(&name);
        entries.extend(store.restored.union.remove(&name).unwrap_or_default());
        let elements =
            entries.iter().map(|entry| decode_state(&descriptor.name, entry)).collect::<Result<Vec<T>, _>>()?;
        let state = OperatorListState(Arc::new(Mutex::new(elements)));
        let (elements, state_name) = (state.clone(), descriptor.name.clone());
        let freeze: Freeze = Arc::new(move || {
            let encode = |element: &T| Ok(encode_state(&state_name, element)?);
            elements.elements().iter().map(encode).collect()
        });
        store.lists.insert(name, (redistribution == Redistribution::Union, freeze));
        Ok(state)
    }

    /// Takes what a snapshot holds for this subtask.
    pub fn restore(&self, state: RestoredState) {
        self.store().restored = state;
    }

    /// Whether nothing was restored that has not been asked for.
    #[must_use]
    pub fn is_restored(&self) -> bool {
        self.store().restored.is_empty()
    }

    /// The elements of all lists as they are now, to be written later.
    ///
    /// # Errors
    /// An element can't be serialized, or does not survive it.
    pub fn freeze(&self) -> Result<impl FnOnce(&mut dyn SnapshotWriter) -> Result + Send + use<>> {
        let mut frozen = Vec::new();
        for (name, (union, freeze)) in &self.store().lists {
            frozen.push((name.clone(), *union, freeze()?));
        }
        Ok(move |writer: &mut dyn SnapshotWriter| {
            for (name, union, entries) in frozen {
                for entry in entries {
                    if union { writer.union_entry(&name, entry)? } else { writer.list_entry(&name, entry)? }
                }
            }
            Ok(())
        })
    }
}

/// A list of operator state. Its handles, cloned or not, are one list.
#[derive(Debug, Clone)]
pub struct OperatorListState<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for OperatorListState<T> {
    /// A list that no snapshot sees, until `open` puts the real one in its place.
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Data> OperatorListState<T> {
    fn elements(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The elements.
    #[must_use]
    pub fn get(&self) -> Vec<T> {
        self.elements().clone()
    }

    /// Adds an element at the end.
    pub fn add(&self, element: T) {
        self.elements().push(element);
    }

    /// Replaces all elements.
    pub fn update(&self, elements: impl IntoIterator<Item = T>) {
        let elements = elements.into_iter().collect();
        *self.elements() = elements;
    }

    /// Takes all elements out.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.elements())
    }

    /// Removes all elements.
    pub fn clear(&self) {
        self.elements().clear();
    }
}
