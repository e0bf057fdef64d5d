"""Stream programs, under the names of PyFlink's DataStream API.

A program for ``pyflink.datastream`` runs here when ``pyflink`` in its imports reads ``riverrun``. With ``RIVERRUN_HOST=flink``
in the environment these names are PyFlink's own classes, and the same program goes to Apache Flink.

>>> from riverrun.datastream import StreamExecutionEnvironment
>>> env = StreamExecutionEnvironment.get_execution_environment().set_parallelism(1)
>>> words = env.from_collection(["to be", "or not", "to be"]).flat_map(str.split)
>>> counts = words.map(lambda word: (word, 1)).key_by(lambda pair: pair[0]).sum(1)
>>> sorted(counts.execute_and_collect())[:3]
[('be', 1), ('be', 2), ('not', 1)]
"""

from riverrun import _flink_host

if not _flink_host.replace(__name__):
    from riverrun.datastream.async_data_stream import AsyncDataStream
    from riverrun.datastream.checkpoint_config import CheckpointConfig
    from riverrun.datastream.checkpoint_storage import (
        CheckpointStorage,
        CustomCheckpointStorage,
        FileSystemCheckpointStorage,
        JobManagerCheckpointStorage,
    )
    from riverrun.datastream.checkpointing_mode import CheckpointingMode
    from riverrun.datastream.data_stream import (
        BroadcastConnectedStream,
        BroadcastStream,
        ConnectedStreams,
        DataStream,
        DataStreamSink,
        KeyedStream,
        WindowedStream,
    )
    from riverrun.datastream.execution_mode import RuntimeExecutionMode
    from riverrun.datastream.externalized_checkpoint_retention import ExternalizedCheckpointRetention
    from riverrun.datastream.functions import (
        AggregateFunction,
        AsyncFunction,
        AsyncRetryPredicate,
        AsyncRetryStrategy,
        BroadcastProcessFunction,
        CoFlatMapFunction,
        CoMapFunction,
        CoProcessFunction,
        FilterFunction,
        FlatMapFunction,
        KeyedBroadcastProcessFunction,
        KeyedCoProcessFunction,
        KeyedProcessFunction,
        KeySelector,
        MapFunction,
        Partitioner,
        ProcessFunction,
        ProcessWindowFunction,
        ReduceFunction,
        RuntimeContext,
        SinkFunction,
        SourceFunction,
        WindowFunction,
    )
    from riverrun.datastream.output_tag import OutputTag
    from riverrun.datastream.slot_sharing_group import MemorySize, SlotSharingGroup
    from riverrun.datastream.state_backend import (
        CustomStateBackend,
        EmbeddedRocksDBStateBackend,
        HashMapStateBackend,
        PredefinedOptions,
        StateBackend,
    )
    from riverrun.datastream.stream_execution_environment import StreamExecutionEnvironment
    from riverrun.datastream.time_domain import TimeDomain
    from riverrun.datastream.timerservice import TimerService
    from riverrun.datastream.window import (
        CountWindow,
        GlobalWindow,
        MergingWindowAssigner,
        TimeWindow,
        Trigger,
        TriggerResult,
        Window,
        WindowAssigner,
    )

    __all__ = [
        "AggregateFunction",
        "AsyncDataStream",
        "AsyncFunction",
        "AsyncRetryPredicate",
        "AsyncRetryStrategy",
        "BroadcastConnectedStream",
        "BroadcastProcessFunction",
        "BroadcastStream",
        "CheckpointConfig",
        "CheckpointStorage",
        "CheckpointingMode",
        "CoFlatMapFunction",
        "CoMapFunction",
        "CoProcessFunction",
        "ConnectedStreams",
        "CountWindow",
        "CustomCheckpointStorage",
        "CustomStateBackend",
        "DataStream",
        "DataStreamSink",
        "EmbeddedRocksDBStateBackend",
        "ExternalizedCheckpointRetention",
        "FileSystemCheckpointStorage",
        "FilterFunction",
        "FlatMapFunction",
        "GlobalWindow",
        "HashMapStateBackend",
        "JobManagerCheckpointStorage",
        "KeySelector",
        "KeyedBroadcastProcessFunction",
        "KeyedCoProcessFunction",
        "KeyedProcessFunction",
        "KeyedStream",
        "MapFunction",
        "MemorySize",
        "MergingWindowAssigner",
        "OutputTag",
        "Partitioner",
        "PredefinedOptions",
        "ProcessFunction",
        "ProcessWindowFunction",
        "ReduceFunction",
        "RuntimeContext",
        "RuntimeExecutionMode",
        "SinkFunction",
        "SlotSharingGroup",
        "SourceFunction",
        "StateBackend",
        "StreamExecutionEnvironment",
        "TimeDomain",
        "TimeWindow",
        "TimerService",
        "Trigger",
        "TriggerResult",
        "Window",
        "WindowAssigner",
        "WindowFunction",
        "WindowedStream",
    ]
