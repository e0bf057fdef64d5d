//! One accumulator per key: [`AggregatingState`].

use std::marker::PhantomData;

use crate::context::RuntimeContext;
use crate::error::{FunctionError, Result};
use crate::functions::AggregateFunction;
use crate::state::descriptor::ValueStateDescriptor;
use crate::state::handles::{KeyedContext, ValueState};
use crate::state::ttl::StateTtlConfig;

/// Describes an [`AggregatingState`].
pub struct AggregatingStateDescriptor<In, F: AggregateFunction<In>> {
    accumulator: ValueStateDescriptor<F::Accumulator>,
    function: F,
    input: PhantomData<fn(In)>,
}

impl<In, F: AggregateFunction<In>> AggregatingStateDescriptor<In, F> {
    /// The state of this name, unique among the states of a function, in which `function` aggregates.
    pub fn new(name: impl Into<String>, function: F) -> Self {
        Self { accumulator: ValueStateDescriptor::new(name), function, input: PhantomData }
    }

    /// Gives the state's accumulators a time to live.
    #[must_use]
    pub fn enable_time_to_live(self, ttl: StateTtlConfig) -> Self {
        Self { accumulator: self.accumulator.enable_time_to_live(ttl), ..self }
    }
}

/// One accumulator per key, to which values are added. Same as Flink's `AggregatingState`, used with the context of the call.
///
/// A handle made by `default` is a placeholder until `open` puts the real one in its place.
pub struct AggregatingState<In, F: AggregateFunction<In>> {
    accumulator: ValueState<F::Accumulator>,
    function: Option<F>,
    input: PhantomData<fn(In)>,
}

impl<In, F: AggregateFunction<In>> Default for AggregatingState<In, F> {
    fn default() -> Self {
        Self { accumulator: ValueState::default(), function: None, input: PhantomData }
    }
}

impl<In, F: AggregateFunction<In>> Clone for AggregatingState<In, F> {
    fn clone(&self) -> Self {
        Self { accumulator: self.accumulator.clone(), function: self.function.clone(), input: PhantomData }
    }
}

impl<In, F: AggregateFunction<In>> AggregatingState<In, F> {
    fn parts(&mut self) -> Result<(&ValueState<F::Accumulator>, &mut F)> {
        match &mut self.function {
            Some(function) => Ok((&self.accumulator, function)),
            None => Err(FunctionError::new(
                "an aggregating state was used that was not asked for; get its handle in `open`, as `context.get_aggregating_state(&descriptor)?`",
            )),
        }
    }

    /// The result for what was added, if anything was.
    ///
    /// # Errors
    /// The state was not asked for in `open`, or the function fails.
    pub fn get(&mut self, context: &mut impl KeyedContext) -> Result<Option<F::Out>> {
        let (accumulator, function) = self.parts()?;
        accumulator.value(context)?.map(|accumulator| function.get_result(accumulator)).transpose()
    }

    /// Adds a value.
    ///
    /// # Errors
    /// The state was not asked for in `open`, or the function fails.
    pub fn add(&mut self, context: &mut impl KeyedContext, value: &In) -> Result {
        let (accumulator, function) = self.parts()?;
        let initial = function.create_accumulator();
        function.add(value, accumulator.value_mut(context, || initial)?)
    }

    /// Removes what was added.
    ///
    /// # Errors
    /// The state was not asked for in `open`.
    pub fn clear(&mut self, context: &mut impl KeyedContext) -> Result {
        self.parts()?.0.clear(context)
    }
}

impl RuntimeContext {
    /// The keyed aggregating state of this name.
    ///
    /// # Errors
    /// The stream has no key, or the name is taken by a state of another type.
    pub fn get_aggregating_state<In, F: AggregateFunction<In>>(
        &self, descriptor: &AggregatingStateDescriptor<In, F>,
    ) -> Result<AggregatingState<In, F>> {
        let accumulator = self.get_state(&descriptor.accumulator)?;
        Ok(AggregatingState { accumulator, function: Some(descriptor.function.clone()), input: PhantomData })
    }
}
