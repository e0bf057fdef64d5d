//! Where keyed state lives: a table per state, with a slot per key.

use std::any::{Any, type_name};
use std::sync::{Arc, Mutex, PoisonError};

use crate::element::Timestamp;
use crate::error::{Error, FunctionError, Result};
use crate::state::content::StateContent;
use crate::state::ttl::StateTtlConfig;

/// Which state of an operator: handed out when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StateId(pub(super) usize);

impl StateId {
    /// That of a handle that was not asked for yet.
    pub(super) const UNKNOWN: Self = Self(usize::MAX);
}

/// One state, of all keys.
pub(super) struct Table<C> {
    slots: Vec<Option<C>>,
    ttl: Option<StateTtlConfig>,
    /// Where the clean-up goes on.
    sweep: usize,
}

/// A table whose type is known to its handles alone.
pub(super) trait AnyTable: Any + Send {
    fn as_any(&mut self) -> &mut dyn Any;
    fn kind(&self) -> &'static str;
    fn content_type(&self) -> &'static str;
    fn resize(&mut self, slots: usize);
    fn duplicate(&self) -> Box<dyn AnyTable>;
    /// What a slot holds that has not expired, in its persisted form.
    fn encode(&self, slot: usize, now: Timestamp) -> Result<Option<Vec<u8>>, Error>;
    fn decode(&mut self, slot: usize, bytes: &[u8]) -> Result<(), Error>;
}

impl<C: StateContent> AnyTable for Table<C> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn kind(&self) -> &'static str {
        C::KIND
    }

    fn content_type(&self) -> &'static str {
        type_name::<C>()
    }

    fn resize(&mut self, slots: usize) {
        self.slots.resize_with(slots, || None);
    }

    fn duplicate(&self) -> Box<dyn AnyTable> {
        Box::new(Self { slots: self.slots.clone(), ttl: self.ttl, sweep: 0 })
    }

    fn encode(&self, slot: usize, now: Timestamp) -> Result<Option<Vec<u8>>, Error> {
        let Some(Some(content)) = self.slots.get(slot) else { return Ok(None) };
        let encode = |content: &C| {
            rmp_serde::to_vec_named(content)
                .map_err(|error| Error::Encode { type_name: type_name::<C>(), reason: error.to_string() })
        };
        let bytes = match self.ttl {
            None => encode(content)?,
            Some(ttl) => {
                let mut content = content.clone();
                if content.prune(&|at| ttl.is_expired(at, now)) {
                    return Ok(None);
                }
                encode(&content)?
            }
        };
        let survives = rmp_serde::from_slice::<C>(&bytes).ok().and_then(|back| encode(&back).ok());
        if survives.as_ref() != Some(&bytes) {
            return Err(Error::RoundTrip { state: C::KIND.into(), type_name: type_name::<C>() });
        }
        Ok(Some(bytes))
    }

    fn decode(&mut self, slot: usize, bytes: &[u8]) -> Result<(), Error> {
        let content = rmp_serde::from_slice(bytes)
            .map_err(|error| Error::Decode { type_name: type_name::<C>(), reason: error.to_string() })?;
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(content);
        }
        Ok(())
    }
}

pub(super) struct Registration {
    pub(super) name: String,
    pub(super) table: Box<dyn AnyTable>,
}

/// Collects the keyed states that a function asks for while it is opened.
#[derive(Clone, Default)]
pub struct StateRegistrar(Arc<Mutex<Vec<Registration>>>);

impl StateRegistrar {
    /// Registers a state, or finds the one that was registered under this name.
    pub(super) fn register<C: StateContent>(&self, name: &str, ttl: Option<StateTtlConfig>) -> Result<StateId> {
        if ttl.is_some_and(|ttl| ttl.millis <= 0) {
            return Err(FunctionError::new(format!(
                "the state `{name}` has a time to live of zero; give it at least a millisecond"
            )));
        }
        let mut registrations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = registrations.iter().position(|registration| registration.name == name) {
            if !registrations[index].table.as_any().is::<Table<C>>() {
                let (first, second) = (registrations[index].table.content_type(), type_name::<C>());
                return Err(FunctionError::new(format!(
                    "the state `{name}` was asked for with two types, {first} and {second}; give one of them another name"
                )));
            }
            return Ok(StateId(index));
        }
        let table = Box::new(Table::<C> { slots: Vec::new(), ttl, sweep: 0 });
        registrations.push(Registration { name: name.into(), table });
        Ok(StateId(registrations.len() - 1))
    }

    pub(super) fn take(&self) -> Vec<Registration> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The states of one operator's subtask, seen from the current key.
#[derive(Default)]
pub struct StateTables {
    pub(super) states: Vec<Registration>,
    /// How many states each slot has something in.
    pub(super) used: Vec<u32>,
    /// The slot of the current key.
    pub(super) current: usize,
    /// Slots that a clean-up has emptied.
    pub(super) emptied: Vec<usize>,
    /// Processing time, which times to live are measured against.
    pub(super) now: Timestamp,
}

impl StateTables {
    /// Whether no state was asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    pub(super) fn resize(&mut self, slots: usize) {
        self.used.resize(slots, 0);
        self.states.iter_mut().for_each(|state| state.table.resize(slots));
    }

    /// What the current key has of a state.
    pub(super) fn cell<C: StateContent>(&mut self, id: StateId) -> Result<Cell<'_, C>> {
        let Some(state) = self.states.get_mut(id.0) else {
            return Err(FunctionError::new(
                "a state was used that was not asked for; get its handle in `open`, as `context.get_state(&descriptor)?`",
            ));
        };
        let Some(table) = state.table.as_any().downcast_mut::<Table<C>>() else {
            return Err(FunctionError::internal(format!(
                "the handle of the state `{}` is another operator's",
                state.name
            )));
        };
        if let Some(ttl) = table.ttl {
            table.clean_up(ttl, self.now, &mut self.used, &mut self.emptied);
        }
        match (table.slots.get_mut(self.current), self.used.get_mut(self.current)) {
            (Some(content), Some(used)) => Ok(Cell { content, used, now: self.now, ttl: table.ttl }),
            _ => Err(FunctionError::new(
                "keyed state was used where there is no current key; use it in the calls that process an element or a timer",
            )),
        }
    }
}

impl<C: StateContent> Table<C> {
    /// Looks at the next few slots for what has expired.
    fn clean_up(&mut self, ttl: StateTtlConfig, now: Timestamp, used: &mut [u32], emptied: &mut Vec<usize>) {
        for _ in 0..ttl.cleanup.min(self.slots.len()) {
            self.sweep = (self.sweep + 1) % self.slots.len();
            let slot = &mut self.slots[self.sweep];
            if slot.as_mut().is_some_and(|content| content.prune(&|at| ttl.is_expired(at, now))) {
                *slot = None;
                used[self.sweep] -= 1;
                if used[self.sweep] == 0 {
                    emptied.push(self.sweep);
                }
            }
        }
    }
}

/// One state of one key.
pub(super) struct Cell<'s, C> {
    content: &'s mut Option<C>,
    used: &'s mut u32,
    now: Timestamp,
    ttl: Option<StateTtlConfig>,
}

impl<'s, C: StateContent> Cell<'s, C> {
    /// The time to stamp an entry with that is written now.
    pub(super) fn stamp(&self) -> Timestamp {
        if self.ttl.is_some() { self.now } else { 0 }
    }

    /// The time to stamp an entry with that is read now, where reading renews it.
    pub(super) fn renewal(&self) -> Option<Timestamp> {
        self.ttl.is_some_and(|ttl| ttl.renews_on_read()).then_some(self.now)
    }

    /// Drops what has expired, unless it is to be seen.
    fn expire(&mut self) {
        let (Some(ttl), Some(content)) = (self.ttl, self.content.as_mut()) else { return };
        if !ttl.shows_expired() && content.prune(&|at| ttl.is_expired(at, self.now)) {
            self.clear();
        }
    }

    pub(super) fn get(mut self) -> Option<&'s mut C> {
        self.expire();
        self.content.as_mut()
    }

    /// What is there, or what `make` makes.
    pub(super) fn get_or(mut self, make: impl FnOnce() -> C) -> &'s mut C {
        self.expire();
        if self.content.is_none() {
            *self.used += 1;
        }
        self.content.get_or_insert_with(make)
    }

    pub(super) fn set(self, content: C) {
        if self.content.replace(content).is_none() {
            *self.used += 1;
        }
    }

    pub(super) fn clear(&mut self) {
        if self.content.take().is_some() {
            *self.used -= 1;
        }
    }
}
