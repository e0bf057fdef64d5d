//! A [`FlatMapFunction`] as a process function without side outputs.

use crate::context::RuntimeContext;
use crate::error::Result;
use crate::functions::{Collector, FlatMapFunction, ProcessContext, ProcessFunction};
use crate::operator::ProcessOperator;

/// Runs a flat map function; its output is bounded as a process function's is.
pub type FlatMapOperator<In, F> = ProcessOperator<In, FlatMap<F>>;

/// The adapter.
#[derive(Clone)]
pub struct FlatMap<F>(pub F);

impl<In, F: FlatMapFunction<In>> ProcessFunction<In> for FlatMap<F> {
    type Out = F::Out;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    #[inline]
    fn process_element(
        &mut self, value: In, _: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, F::Out>,
    ) -> Result {
        self.0.flat_map(value, out)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}
