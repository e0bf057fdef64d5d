//! Two keyed streams joined on the distance of their times.

use std::time::Duration;

use crate::data::Data;
use crate::error::Error;
use crate::functions::{JoinClosure, Key, OutputTag, ProcessJoinFunction};
use crate::operator::{Interval, IntervalJoinOperator, LateOutputs};
use crate::stream::data_stream::cloning;
use crate::stream::{KeyedStream, SingleOutputStreamOperator};

/// Two keyed streams that are to be joined on the distance of their times. Made by [`KeyedStream::interval_join`].
pub struct IntervalJoin<L, R, K> {
    left: KeyedStream<L, K>,
    right: KeyedStream<R, K>,
}

impl<L: Data, R: Data, K: Key> IntervalJoin<L, R, K> {
    pub(crate) fn of(left: KeyedStream<L, K>, right: KeyedStream<R, K>) -> Self {
        Self { left, right }
    }

    /// Joins a left record with the right ones whose times are from `lower` to `upper` milliseconds after its own, both
    /// included; negative bounds are before it.
    ///
    /// A lower bound above the upper one is a mistake that `execute` reports.
    #[must_use]
    pub fn between(self, lower: i64, upper: i64) -> IntervalJoined<L, R, K> {
        IntervalJoined {
            left: self.left,
            right: self.right,
            interval: Interval { lower, upper },
            late: LateOutputs::default(),
        }
    }

    /// As [`between`](Self::between): right records up to `duration` before and up to `duration` after a left one.
    #[must_use]
    pub fn within(self, duration: Duration) -> IntervalJoined<L, R, K> {
        let millis = duration.as_millis().try_into().unwrap_or(i64::MAX);
        self.between(-millis, millis)
    }
}

/// An interval join whose bounds are known, to be given a function. Same as Flink's `IntervalJoined`.
///
/// It needs timestamps and watermarks on both streams. Records that come behind the watermark are late: they are dropped and
/// counted in `numLateRecordsDropped`, or go to a side output.
pub struct IntervalJoined<L, R, K> {
    left: KeyedStream<L, K>,
    right: KeyedStream<R, K>,
    interval: Interval,
    late: LateOutputs,
}

impl<L: Data, R: Data, K: Key> IntervalJoined<L, R, K> {
    /// Leaves right records out whose distance is the lower bound itself.
    #[must_use]
    pub fn lower_bound_exclusive(mut self) -> Self {
        self.interval.lower = self.interval.lower.saturating_add(1);
        self
    }

    /// Leaves right records out whose distance is the upper bound itself.
    #[must_use]
    pub fn upper_bound_exclusive(mut self) -> Self {
        self.interval.upper = self.interval.upper.saturating_sub(1);
        self
    }

    /// Puts late records of the left stream into a side output.
    #[must_use]
    pub fn side_output_left_late_data(mut self, tag: &OutputTag<L>) -> Self {
        self.late.left = Some(tag.id().into());
        self
    }

    /// Puts late records of the right stream into a side output.
    #[must_use]
    pub fn side_output_right_late_data(mut self, tag: &OutputTag<R>) -> Self {
        self.late.right = Some(tag.id().into());
        self
    }

    /// Makes a value of each pair.
    pub fn apply<Out: Data>(
        self, function: impl FnMut(&L, &R) -> Out + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        self.process(JoinClosure(function))
    }

    /// Makes any number of values of each pair. They carry the later of the two timestamps.
    pub fn process<F: ProcessJoinFunction<L, R>>(self, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        F::Out: Data,
    {
        let Self { left, right, interval, late } = self;
        if interval.lower > interval.upper {
            let Interval { lower, upper } = interval;
            let problem = format!(
                "an interval from {lower} to {upper} ms holds no time at all; give `between` its lower bound first, and leave room between exclusive bounds"
            );
            left.environment.builder().mistakes.push(Error::Argument { operation: "interval_join", problem });
        }
        let (left_keys, right_keys) = (left.keys.clone(), right.keys.clone());
        let operator = move |function| -> Box<dyn crate::operator::Operator> {
            Box::new(IntervalJoinOperator::<K, L, R, F>::new(
                left_keys.clone(),
                right_keys.clone(),
                interval,
                late.clone(),
                function,
            ))
        };
        left.transform_with(&right, "interval_join", "Interval Join", cloning(function, operator))
    }
}
