//! What most programs use.

#[cfg(feature = "client")]
pub use riverrun_client::ClientExt;
pub use riverrun_connectors::{FileSink, FileSource, RollingPolicy, StdinLineSource, TcpLineSource};
pub use riverrun_inference::{Classification, ModelExt, TextClassification, TextClassificationOptions, TopK};
pub use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};
pub use riverrun_stream::functions::{
    AggregateFunction, AllWindowFunction, Count, KeyedProcessContext, KeyedProcessFunction, ProcessAllWindowFunction,
    ProcessWindowContext, ProcessWindowFunction, ReduceFunction, WindowFunction,
};
pub use riverrun_stream::functions::{AsyncBatchFunction, AsyncFunction, AsyncRetryStrategy};
pub use riverrun_stream::functions::{
    BroadcastContext, BroadcastProcessFunction, BroadcastReadContext, CoFlatMapFunction, CoGroupFunction,
    CoMapFunction, CoProcessFunction, FlatJoinFunction, JoinFunction, KeyedBroadcastContext,
    KeyedBroadcastProcessFunction, KeyedBroadcastReadContext, KeyedCoProcessFunction, ProcessJoinFunction,
};
pub use riverrun_stream::state::{
    AggregatingState, AggregatingStateDescriptor, ListState, ListStateDescriptor, MapState, MapStateDescriptor,
    OperatorListState, ReducingState, ReducingStateDescriptor, StateTtlConfig, StateVisibility, UpdateType, ValueState,
    ValueStateDescriptor,
};
pub use riverrun_stream::stream::AsyncDataStream;
pub use riverrun_stream::time::{WatermarkGenerator, WatermarkOutput, WatermarkStrategy};
pub use riverrun_stream::window::{
    ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger, CountEvictor, CountTrigger, EventTimeSessionWindows,
    EventTimeTrigger, Evictor, EvictorContext, GlobalWindow, GlobalWindows, NeverTrigger, ProcessingTimeSessionWindows,
    ProcessingTimeTrigger, PurgingTrigger, SlidingEventTimeWindows, SlidingProcessingTimeWindows, TimeEvictor,
    TimeWindow, Trigger, TriggerContext, TriggerResult, TumblingEventTimeWindows, TumblingProcessingTimeWindows,
    Window, WindowAssigner, WindowElements,
};
pub use riverrun_stream::{
    Collector, Data, DataStream, DataStreamSink, FilterFunction, FlatMapFunction, FunctionError, JobClient, JobStatus,
    Key, KeyedStream, MapFunction, OutputTag, ProcessContext, ProcessFunction, Result, RuntimeContext,
    RuntimeExecutionMode, SingleOutputStreamOperator, StreamExecutionEnvironment,
};
pub use riverrun_stream_inference::{FailedRecord, InferExt};

pub use crate::GetExecutionEnvironment;
