//! Whether a program runs for ever or to an end: [`RuntimeExecutionMode`].

/// How a program is executed. Same as Flink's `RuntimeExecutionMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RuntimeExecutionMode {
    /// Records are handled as they come; results are updated as they change. The default.
    #[default]
    Streaming,
    /// All input is there: results are final when they come out. Every source has to be bounded.
    Batch,
    /// [`Batch`](Self::Batch) where every source is bounded, [`Streaming`](Self::Streaming) otherwise.
    Automatic,
}
