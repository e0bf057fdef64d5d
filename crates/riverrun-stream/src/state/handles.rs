//! What a function reads and writes keyed state through.

use std::hash::Hash;
use std::marker::PhantomData;

use indexmap::IndexMap;

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::error::{FunctionError, Result};
use crate::state::content::{ListContent, MapContent, Stamped};
use crate::state::descriptor::{
    ListStateDescriptor, MapStateDescriptor, Reduce, ReducingStateDescriptor, ValueStateDescriptor,
};
use crate::state::tables::{StateId, StateRegistrar, StateTables};

/// What knows the current key: the contexts of keyed functions.
pub trait KeyedContext {
    /// The states, seen from the current key.
    fn states(&mut self) -> &mut StateTables;
}

impl KeyedContext for StateTables {
    fn states(&mut self) -> &mut StateTables {
        self
    }
}

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident<$($of:ident),+>) => {
        $(#[$doc])*
        ///
        /// A handle made by `default` is a placeholder until `open` puts the real one in its place.
        pub struct $name<$($of),+> {
            id: StateId,
            types: PhantomData<fn() -> ($($of,)+)>,
        }

        impl<$($of),+> $name<$($of),+> {
            pub(super) fn of(id: StateId) -> Self {
                Self { id, types: PhantomData }
            }
        }

        impl<$($of),+> Default for $name<$($of),+> {
            fn default() -> Self {
                Self::of(StateId::UNKNOWN)
            }
        }

        impl<$($of),+> Clone for $name<$($of),+> {
            fn clone(&self) -> Self {
                Self::of(self.id)
            }
        }
    };
}

handle! {
    /// One value per key. Same as Flink's `ValueState`, used with the context of the call.
    ValueState<T>
}

impl<T: Data> ValueState<T> {
    /// The value, if there is one.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn value<'s>(&self, context: &'s mut impl KeyedContext) -> Result<Option<&'s T>> {
        let cell = context.states().cell::<Stamped<T>>(self.id)?;
        let renewal = cell.renewal();
        Ok(cell.get().map(|stamped| {
            stamped.at = renewal.unwrap_or(stamped.at);
            &stamped.value
        }))
    }

    /// The value to be changed in place; `initial` makes it where there is none.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn value_mut<'s>(&self, context: &'s mut impl KeyedContext, initial: impl FnOnce() -> T) -> Result<&'s mut T> {
        let cell = context.states().cell::<Stamped<T>>(self.id)?;
        let at = cell.stamp();
        let stamped = cell.get_or(|| Stamped { value: initial(), at });
        stamped.at = at;
        Ok(&mut stamped.value)
    }

    /// Sets the value.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn update(&self, context: &mut impl KeyedContext, value: T) -> Result {
        let cell = context.states().cell::<Stamped<T>>(self.id)?;
        let at = cell.stamp();
        cell.set(Stamped { value, at });
        Ok(())
    }

    /// Removes the value.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn clear(&self, context: &mut impl KeyedContext) -> Result {
        context.states().cell::<Stamped<T>>(self.id)?.clear();
        Ok(())
    }
}

handle! {
    /// A list of elements per key, in the order in which they were added. Same as Flink's `ListState`.
    ListState<T>
}

impl<T: Data> ListState<T> {
    /// The elements; none where nothing was added.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn get<'s, C: KeyedContext>(&self, context: &'s mut C) -> Result<impl Iterator<Item = &'s T> + use<'s, T, C>> {
        let cell = context.states().cell::<ListContent<T>>(self.id)?;
        let renewal = cell.renewal();
        let elements = cell.get().map_or(&mut [][..], |list| list.0.as_mut_slice());
        if let Some(at) = renewal {
            elements.iter_mut().for_each(|element| element.at = at);
        }
        Ok(elements.iter().map(|element| &element.value))
    }

    /// Adds an element at the end.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn add(&self, context: &mut impl KeyedContext, value: T) -> Result {
        self.add_all(context, [value])
    }

    /// Adds elements at the end.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn add_all(&self, context: &mut impl KeyedContext, values: impl IntoIterator<Item = T>) -> Result {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let cell = context.states().cell::<ListContent<T>>(self.id)?;
        let at = cell.stamp();
        cell.get_or(|| ListContent(Vec::new())).0.extend(values.map(|value| Stamped { value, at }));
        Ok(())
    }

    /// Replaces all elements.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn update(&self, context: &mut impl KeyedContext, values: impl IntoIterator<Item = T>) -> Result {
        self.clear(context)?;
        self.add_all(context, values)
    }

    /// Removes all elements.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn clear(&self, context: &mut impl KeyedContext) -> Result {
        context.states().cell::<ListContent<T>>(self.id)?.clear();
        Ok(())
    }
}

handle! {
    /// A map per key, iterated in the order in which its entries were made (a removal moves the last one into the gap). Same
    /// as Flink's `MapState`.
    MapState<K, V>
}

impl<K: Data + Hash + Eq, V: Data> MapState<K, V> {
    fn with<'s, R>(
        &self, context: &'s mut impl KeyedContext, of_none: R,
        use_it: impl FnOnce(&'s mut IndexMap<K, Stamped<V>>, Option<i64>) -> R,
    ) -> Result<R> {
        let cell = context.states().cell::<MapContent<K, V>>(self.id)?;
        let renewal = cell.renewal();
        Ok(match cell.get() {
            Some(map) => use_it(&mut map.0, renewal),
            None => of_none,
        })
    }

    /// The value of an entry.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn get<'s>(&self, context: &'s mut impl KeyedContext, key: &K) -> Result<Option<&'s V>> {
        self.with(context, None, |map, renewal| {
            map.get_mut(key).map(|entry| {
                entry.at = renewal.unwrap_or(entry.at);
                &entry.value
            })
        })
    }

    /// Whether there is an entry of this key.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn contains(&self, context: &mut impl KeyedContext, key: &K) -> Result<bool> {
        self.with(context, false, |map, _| map.contains_key(key))
    }

    /// Sets an entry.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn put(&self, context: &mut impl KeyedContext, key: K, value: V) -> Result {
        let cell = context.states().cell::<MapContent<K, V>>(self.id)?;
        let at = cell.stamp();
        cell.get_or(|| MapContent(IndexMap::new())).0.insert(key, Stamped { value, at });
        Ok(())
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn remove(&self, context: &mut impl KeyedContext, key: &K) -> Result {
        let is_empty = self.with(context, false, |map, _| {
            map.swap_remove(key);
            map.is_empty()
        })?;
        if is_empty { self.clear(context) } else { Ok(()) }
    }

    /// The entries.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn entries<'s, C: KeyedContext>(
        &self, context: &'s mut C,
    ) -> Result<impl Iterator<Item = (&'s K, &'s V)> + use<'s, K, V, C>> {
        let entries = self.with(context, None, |map, renewal| {
            if let Some(at) = renewal {
                map.values_mut().for_each(|entry| entry.at = at);
            }
            Some(map.iter())
        })?;
        Ok(entries.into_iter().flatten().map(|(key, entry)| (key, &entry.value)))
    }

    /// Whether there is no entry.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn is_empty(&self, context: &mut impl KeyedContext) -> Result<bool> {
        self.with(context, true, |map, _| map.is_empty())
    }

    /// Removes all entries.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn clear(&self, context: &mut impl KeyedContext) -> Result {
        context.states().cell::<MapContent<K, V>>(self.id)?.clear();
        Ok(())
    }
}

/// One value per key, to which what is added is reduced. Same as Flink's `ReducingState`.
///
/// A handle made by `default` is a placeholder until `open` puts the real one in its place.
#[derive(Clone)]
pub struct ReducingState<T> {
    value: ValueState<Option<T>>,
    reduce: Option<Reduce<T>>,
}

impl<T> Default for ReducingState<T> {
    fn default() -> Self {
        Self { value: ValueState::default(), reduce: None }
    }
}

impl<T: Data> ReducingState<T> {
    pub(super) fn of(id: StateId, reduce: Reduce<T>) -> Self {
        Self { value: ValueState::of(id), reduce: Some(reduce) }
    }

    /// The reduced value, if anything was added.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn get<'s>(&self, context: &'s mut impl KeyedContext) -> Result<Option<&'s T>> {
        Ok(self.value.value(context)?.and_then(Option::as_ref))
    }

    /// Reduces the value that is there with this one.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn add(&self, context: &mut impl KeyedContext, value: T) -> Result {
        let Some(reduce) = &self.reduce else {
            return Err(FunctionError::new(
                "a reducing state was used that was not asked for; get its handle in `open`, as `context.get_reducing_state(&descriptor)?`",
            ));
        };
        let place = self.value.value_mut(context, || None)?;
        *place = Some(match place.take() {
            Some(reduced) => reduce(reduced, value),
            None => value,
        });
        Ok(())
    }

    /// Removes the value.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn clear(&self, context: &mut impl KeyedContext) -> Result {
        self.value.clear(context)
    }
}

impl RuntimeContext {
    fn keyed_states(&self, name: &str) -> Result<&StateRegistrar> {
        self.keyed_state.as_ref().ok_or_else(|| {
            FunctionError::new(format!(
                "`{}` asked for the keyed state `{name}`, and its stream has no key; call `key_by` before it, or use `operator_state`",
                self.operator_name
            ))
        })
    }

    /// The keyed value state of this name.
    ///
    /// # Errors
    /// The stream has no key, or the name is taken by a state of another type.
    pub fn get_state<T: Data>(&self, descriptor: &ValueStateDescriptor<T>) -> Result<ValueState<T>> {
        let states = self.keyed_states(&descriptor.name)?;
        Ok(ValueState::of(states.register::<Stamped<T>>(&descriptor.name, descriptor.ttl)?))
    }

    /// The keyed list state of this name.
    ///
    /// # Errors
    /// The stream has no key, or the name is taken by a state of another type.
    pub fn get_list_state<T: Data>(&self, descriptor: &ListStateDescriptor<T>) -> Result<ListState<T>> {
        let states = self.keyed_states(&descriptor.name)?;
        Ok(ListState::of(states.register::<ListContent<T>>(&descriptor.name, descriptor.ttl)?))
    }

    /// The keyed map state of this name.
    ///
    /// # Errors
    /// The stream has no key, or the name is taken by a state of another type.
    pub fn get_map_state<K: Data + Hash + Eq, V: Data>(
        &self, descriptor: &MapStateDescriptor<K, V>,
    ) -> Result<MapState<K, V>> {
        let states = self.keyed_states(&descriptor.name)?;
        Ok(MapState::of(states.register::<MapContent<K, V>>(&descriptor.name, descriptor.ttl)?))
    }

    /// The keyed reducing state of this name.
    ///
    /// # Errors
    /// The stream has no key, or the name is taken by a state of another type.
    pub fn get_reducing_state<T: Data>(&self, descriptor: &ReducingStateDescriptor<T>) -> Result<ReducingState<T>> {
        let states = self.keyed_states(&descriptor.name)?;
        let id = states.register::<Stamped<Option<T>>>(&descriptor.name, descriptor.ttl)?;
        Ok(ReducingState::of(id, descriptor.reduce.clone()))
    }
}
