//! How a stream gets timestamps and watermarks: [`WatermarkStrategy`].

use std::sync::Arc;
use std::time::Duration;

use crate::context::RuntimeContext;
use crate::element::Timestamp;
use crate::error::Error;
use crate::time::timestamp_assigner::TimestampAssigner;
use crate::time::watermark_generator::{BatchGenerator, EachEvent, WithIdleness};
use crate::time::{
    AscendingTimestampsWatermarks, BoundedOutOfOrdernessWatermarks, NoWatermarksGenerator, WatermarkGenerator,
};

type GeneratorSupplier<T> = Arc<dyn Fn(&RuntimeContext) -> Box<dyn BatchGenerator<T>> + Send + Sync>;

/// How a stream gets its timestamps and watermarks. Same as Flink's `WatermarkStrategy`.
///
/// ```
/// # use std::time::Duration;
/// # use riverrun_stream::time::WatermarkStrategy;
/// let strategy = WatermarkStrategy::<(String, i64)>::for_bounded_out_of_orderness(Duration::from_secs(5))
///     .with_timestamp_assigner(|(_, millis), _| *millis)
///     .with_idleness(Duration::from_secs(60));
/// ```
pub struct WatermarkStrategy<T> {
    generator: GeneratorSupplier<T>,
    assigner: Option<Arc<dyn TimestampAssigner<T>>>,
    idleness: Option<Duration>,
}

impl<T> Clone for WatermarkStrategy<T> {
    fn clone(&self) -> Self {
        Self { generator: self.generator.clone(), assigner: self.assigner.clone(), idleness: self.idleness }
    }
}

impl<T: 'static> WatermarkStrategy<T> {
    /// For records whose timestamps never fall within a subtask.
    #[must_use]
    pub fn for_monotonous_timestamps() -> Self {
        Self::for_generator(|_| AscendingTimestampsWatermarks::default())
    }

    /// For records that come at most so much later than the latest before them. Those that come later yet are late.
    #[must_use]
    pub fn for_bounded_out_of_orderness(max_out_of_orderness: Duration) -> Self {
        Self::for_generator(move |_| BoundedOutOfOrdernessWatermarks::new(max_out_of_orderness))
    }

    /// With a generator of one's own, made anew for each subtask.
    pub fn for_generator<G: WatermarkGenerator<T>>(
        generator: impl Fn(&RuntimeContext) -> G + Send + Sync + 'static,
    ) -> Self {
        let generator: GeneratorSupplier<T> = Arc::new(move |context| Box::new(EachEvent(generator(context))));
        Self { generator, assigner: None, idleness: None }
    }

    /// Without watermarks but the last one, at the end of the input.
    #[must_use]
    pub fn no_watermarks() -> Self {
        Self::for_generator(|_| NoWatermarksGenerator)
    }

    /// Gives each record the timestamp that `assigner` says, in milliseconds since 1970. It is told the one that the record had,
    /// if any. Without an assigner records keep the timestamps that their source gave them.
    #[must_use]
    pub fn with_timestamp_assigner(
        self, assigner: impl Fn(&T, Option<Timestamp>) -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self { assigner: Some(Arc::new(assigner)), ..self }
    }

    /// Declares a subtask's stream idle when no record has come for this long, so that it does not hold back the others.
    ///
    /// A timeout of zero is a mistake that `execute` reports.
    #[must_use]
    pub fn with_idleness(self, timeout: Duration) -> Self {
        Self { idleness: Some(timeout), ..self }
    }

    pub(crate) fn mistake(&self) -> Option<Error> {
        self.idleness.is_some_and(|timeout| timeout.is_zero()).then(|| Error::Argument {
            operation: "with_idleness",
            problem: "the timeout is zero, so the stream would always be idle; give the longest pause that is usual"
                .into(),
        })
    }

    pub(super) fn assigner(&self) -> Option<Arc<dyn TimestampAssigner<T>>> {
        self.assigner.clone()
    }

    pub(super) fn generator(&self, context: &RuntimeContext) -> Box<dyn BatchGenerator<T>> {
        if context.is_batch() {
            return Box::new(EachEvent(NoWatermarksGenerator));
        }
        let generator = (self.generator)(context);
        match self.idleness {
            Some(timeout) => Box::new(WithIdleness::new(generator, timeout)),
            None => generator,
        }
    }
}
