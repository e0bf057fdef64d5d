"""Types, times, rows and configuration: the names of ``pyflink.common``.

>>> from riverrun.common import Row, Types
>>> Types.ROW_NAMED(["id", "text"], [Types.LONG(), Types.STRING()]).get_field_names()
['id', 'text']
>>> Row(id=1, text="hello")
Row(id=1, text='hello')
"""

from riverrun import _flink_host

if not _flink_host.replace(__name__):
    from riverrun.common.completable_future import CompletableFuture
    from riverrun.common.config_options import ConfigOption, ConfigOptions
    from riverrun.common.configuration import Configuration
    from riverrun.common.execution_config import ExecutionConfig
    from riverrun.common.job_client import JobClient
    from riverrun.common.job_execution_result import JobExecutionResult
    from riverrun.common.job_id import JobID
    from riverrun.common.job_status import JobStatus
    from riverrun.common.restart_strategy import RestartStrategies, RestartStrategyConfiguration
    from riverrun.common.serialization import (
        ByteArraySchema,
        DeserializationSchema,
        Encoder,
        SerializationSchema,
        SimpleStringSchema,
    )
    from riverrun.common.serializer import TypeSerializer
    from riverrun.common.time import Duration, Instant, Time
    from riverrun.common.typeinfo import TypeInformation, Types
    from riverrun.common.types import Row, RowKind
    from riverrun.common.watermark_strategy import AssignerWithPeriodicWatermarksWrapper, WatermarkStrategy

    __all__ = [
        "AssignerWithPeriodicWatermarksWrapper",
        "ByteArraySchema",
        "CompletableFuture",
        "ConfigOption",
        "ConfigOptions",
        "Configuration",
        "DeserializationSchema",
        "Duration",
        "Encoder",
        "ExecutionConfig",
        "Instant",
        "JobClient",
        "JobExecutionResult",
        "JobID",
        "JobStatus",
        "RestartStrategies",
        "RestartStrategyConfiguration",
        "Row",
        "RowKind",
        "SerializationSchema",
        "SimpleStringSchema",
        "Time",
        "TypeInformation",
        "TypeSerializer",
        "Types",
        "WatermarkStrategy",
    ]
