//! Two values that belong together in, any number out.

use crate::batch::DataType;
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::{Collector, OutputTag};
use crate::operator::Turn;

/// What a join function knows of the pair at hand, and its side outputs.
pub struct ProcessJoinContext<'t, 'a> {
    pub(crate) turn: &'t mut Turn<'a>,
    pub(crate) left: Timestamp,
    pub(crate) right: Timestamp,
}

impl ProcessJoinContext<'_, '_> {
    /// The event timestamp of the left value.
    #[must_use]
    pub fn left_timestamp(&self) -> Timestamp {
        self.left
    }

    /// The event timestamp of the right value.
    #[must_use]
    pub fn right_timestamp(&self) -> Timestamp {
        self.right
    }

    /// The event timestamp of what is made of the pair: the later of the two.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.left.max(self.right)
    }

    /// Emits a value to a side output.
    ///
    /// # Errors
    /// The function did not declare the tag in [`ProcessJoinFunction::side_outputs`], or declared it with another type.
    pub fn output<T: Data>(&mut self, tag: &OutputTag<T>, value: T) -> Result {
        let timestamp = Some(self.timestamp());
        let port = self.turn.port_named(tag.id())?;
        self.turn.output(port)?.push(StreamRecord { value, timestamp });
        Ok(())
    }
}

/// Makes any number of values of each pair that a join finds. Same as Flink's `ProcessJoinFunction`, but that its side outputs
/// are declared.
pub trait ProcessJoinFunction<Left, Right>: Clone + Send + 'static {
    /// What it makes for the main output.
    type Out;

    /// The side outputs it uses: `vec![tag.port()]`.
    fn side_outputs(&self) -> Vec<(String, DataType)> {
        Vec::new()
    }

    /// Called once per subtask before the first pair.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Makes values of a pair and hands them to `out`, or to a side output of `context`.
    ///
    /// # Errors
    /// An error fails the task.
    fn process_element(
        &mut self, left: &Left, right: &Right, context: &mut ProcessJoinContext<'_, '_>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// Called once per subtask after the last pair, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

#[derive(Clone)]
pub(crate) struct JoinClosure<F>(pub(crate) F);

impl<L, R, Out, F: FnMut(&L, &R) -> Out + Clone + Send + 'static> ProcessJoinFunction<L, R> for JoinClosure<F> {
    type Out = Out;

    #[inline]
    fn process_element(
        &mut self, left: &L, right: &R, _: &mut ProcessJoinContext<'_, '_>, out: &mut Collector<'_, Out>,
    ) -> Result {
        out.collect((self.0)(left, right));
        Ok(())
    }
}
