"""Where a program begins and is run."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable
from typing import Any, NoReturn

from riverrun import _native, ending
from riverrun.common.configuration import Configuration
from riverrun.common.execution_config import ExecutionConfig
from riverrun.common.job_client import JobClient
from riverrun.common.job_execution_result import JobExecutionResult
from riverrun.common.job_id import JobID
from riverrun.common.typeinfo import TypeInformation
from riverrun.common.watermark_strategy import WatermarkStrategy
from riverrun.datastream import _calls
from riverrun.datastream._plan import Graph, Node, without_effect
from riverrun.datastream.checkpoint_config import CheckpointConfig
from riverrun.datastream.checkpointing_mode import CheckpointingMode
from riverrun.datastream.connectors.base import Source
from riverrun.datastream._declared import _description, _positive, _type
from riverrun.datastream.data_stream import DataStream
from riverrun.datastream.execution_mode import RuntimeExecutionMode
from riverrun.exceptions import BadInput, BadInputType, NotSupported

__all__ = ["StreamExecutionEnvironment"]

_NO_CLUSTER = "the program runs in this process, with this interpreter and its packages"

# The jobs that have to stop before the interpreter does, whether or not anybody can still ask for them.
_running: set[_native.Job] = set()


# The jobs of a parent are its own to stop.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)


@atexit.register
def _stop_running():
    for job in _running:
        job.cancel()
    if _have_ended(200):
        return
    # What a function does may take long, and is left by an exception now that nothing begins any more.
    ending._tell()
    if not ending._threads():
        _have_ended(2000)


def _have_ended(at_most_millis: int) -> bool:
    for job in _running:
        try:
            job.wait(at_most_millis)
        except Exception:
            pass
    return all(job.is_ended() for job in _running)


class StreamExecutionEnvironment:
    """Builds a stream program and runs it.

    >>> env = StreamExecutionEnvironment.get_execution_environment().set_parallelism(1)
    >>> _ = env.from_collection(["to be", "or not"]).flat_map(str.split).print()
    >>> _ = env.execute("words")
    to
    be
    or
    not
    """

    def __init__(self):
        self._nodes: list[Node] = []
        self._settings: dict[str, object] = {}
        self._default_parallelism = _native.Environment().default_parallelism()
        self._parallelism: int | None = None
        self._config = ExecutionConfig(self)
        self._checkpoint_config = CheckpointConfig(self)
        self._is_checkpointing = False

    @staticmethod
    def get_execution_environment(configuration: Configuration | None = None) -> StreamExecutionEnvironment:
        """The environment of this process, with the local host."""
        environment = StreamExecutionEnvironment()
        if configuration is not None:
            environment.configure(configuration)
        return environment

    def get_config(self) -> ExecutionConfig:
        return self._config

    def set_parallelism(self, parallelism: int) -> StreamExecutionEnvironment:
        """How many subtasks the operators have that are added from now on; as many as there are cores unless set."""
        self._parallelism = _positive(parallelism, "parallelism")
        return self

    def get_parallelism(self) -> int:
        return self._parallelism or self._default_parallelism

    def set_max_parallelism(self, max_parallelism: int) -> StreamExecutionEnvironment:
        """How many key groups there are: 128 unless set."""
        self._settings["set_max_parallelism"] = _positive(max_parallelism, "maximum of the parallelism")
        return self

    def get_max_parallelism(self) -> int:
        return int(self._settings.get("set_max_parallelism", 128))

    def set_runtime_mode(self, execution_mode: RuntimeExecutionMode) -> StreamExecutionEnvironment:
        """Whether results come as records do, or at the end of a bounded input."""
        _calls.require(execution_mode, RuntimeExecutionMode, "set_runtime_mode")
        self._settings["set_runtime_mode"] = execution_mode.name
        return self

    def set_buffer_timeout(self, timeout_millis: int) -> StreamExecutionEnvironment:
        """How long records may wait to be sent on together: 100 ms unless set, 0 for not at all."""
        if timeout_millis < 0:
            raise NotSupported("a buffer timeout below 0, which waits for ever, is not supported; give a long one")
        self._settings["set_buffer_timeout"] = timeout_millis
        return self

    def get_buffer_timeout(self) -> int:
        return int(self._settings.get("set_buffer_timeout", 100))

    def disable_operator_chaining(self) -> StreamExecutionEnvironment:
        """Gives every operator a task of its own."""
        self._settings["disable_operator_chaining"] = None
        return self

    def is_chaining_enabled(self) -> bool:
        return "disable_operator_chaining" not in self._settings

    def is_chaining_of_operators_with_different_max_parallelism_enabled(self) -> bool:
        return True

    def register_slot_sharing_group(self, slot_sharing_group: Any) -> StreamExecutionEnvironment:
        without_effect("register_slot_sharing_group", "there are no slots in one process")
        return self

    def get_checkpoint_config(self) -> CheckpointConfig:
        return self._checkpoint_config

    def enable_checkpointing(self, interval: int, mode: CheckpointingMode | None = None) -> StreamExecutionEnvironment:
        """Remembered for Flink; the local host takes no checkpoints yet, and says so."""
        without_effect("enable_checkpointing", "it takes no checkpoints yet, so that a job that fails begins anew")
        self._checkpoint_config._values["checkpoint_interval"] = interval
        if mode is not None:
            self._checkpoint_config._values["checkpointing_mode"] = mode
        return self

    def get_checkpoint_interval(self) -> int:
        return self._checkpoint_config.get_checkpoint_interval()

    def get_checkpointing_mode(self) -> CheckpointingMode:
        return self._checkpoint_config.get_checkpointing_mode()

    def get_checkpointing_consistency_mode(self) -> CheckpointingMode:
        return self._checkpoint_config.get_checkpointing_mode()

    def is_unaligned_checkpoints_enabled(self) -> bool:
        return self._checkpoint_config.is_unaligned_checkpoints_enabled()

    def is_force_unaligned_checkpoints(self) -> bool:
        return self._checkpoint_config.is_force_unaligned_checkpoints()

    def enable_changelog_state_backend(self, enabled: bool) -> StreamExecutionEnvironment:
        if enabled:
            raise NotSupported("state is in memory; there is no changelog of it")
        return self

    def is_changelog_state_backend_enabled(self) -> bool | None:
        return False

    def set_default_savepoint_directory(self, directory: str) -> StreamExecutionEnvironment:
        raise NotSupported("savepoints are not supported on the local host yet")

    def get_default_savepoint_directory(self) -> str | None:
        return None

    def configure(self, configuration: Configuration) -> None:
        """Takes settings by Flink's names: ``parallelism.default``, ``execution.runtime-mode`` and the like."""
        settings = {
            "parallelism.default": lambda value: self.set_parallelism(int(value)),
            "pipeline.max-parallelism": lambda value: self.set_max_parallelism(int(value)),
            "execution.runtime-mode": lambda value: self.set_runtime_mode(RuntimeExecutionMode[value.upper()]),
            "execution.buffer-timeout.interval": lambda value: self.set_buffer_timeout(_millis(value)),
            "pipeline.auto-watermark-interval": lambda value: self._config.set_auto_watermark_interval(_millis(value)),
            "pipeline.operator-chaining.enabled": self._set_chaining,
            "pipeline.name": lambda value: self._settings.__setitem__("name", value),
        }
        for key, value in configuration.to_dict().items():
            if key in settings:
                settings[key](value)
            else:
                without_effect(key, "the setting is Flink's")

    def _set_chaining(self, value: str):
        if value.lower() == "false":
            self.disable_operator_chaining()

    def add_python_file(self, file_path: str) -> None:
        without_effect("add_python_file", _NO_CLUSTER)

    def set_python_requirements(self, requirements_file_path: str, requirements_cache_dir: str | None = None) -> None:
        without_effect("set_python_requirements", _NO_CLUSTER)

    def add_python_archive(self, archive_path: str, target_dir: str | None = None) -> None:
        without_effect("add_python_archive", _NO_CLUSTER)

    def set_python_executable(self, python_exec: str) -> None:
        without_effect("set_python_executable", _NO_CLUSTER)

    def add_jars(self, *jars_path: str) -> NoReturn:
        raise NotSupported("there is no Java on the local host, and so nothing that a jar could be for; leave `add_jars` out")

    def add_classpaths(self, *classpaths: str) -> NoReturn:
        raise NotSupported("there is no Java on the local host, and so no class path; leave `add_classpaths` out")

    def get_default_local_parallelism(self) -> int:
        return self._default_parallelism

    def set_default_local_parallelism(self, parallelism: int) -> None:
        self._default_parallelism = _positive(parallelism, "parallelism")

    def register_cached_file(self, file_path: str, name: str, executable: bool = False) -> NoReturn:
        raise NotSupported("there is no distributed cache in one process; open the file where it is")

    def create_input(self, input_format: Any, type_info: TypeInformation | None = None) -> DataStream:
        raise NotSupported("input formats are written in Java and run inside Flink only; use `from_source`")

    def add_source(self, source_func: Any, source_name: str = "Custom Source", type_info: TypeInformation | None = None) -> NoReturn:
        raise NotSupported("`add_source` takes sources written in Java, which run inside Flink only; use `from_source`")

    def _source(self, name: str, build, type_info: TypeInformation | None) -> DataStream:
        return DataStream(_SourceNode(self, build, name), type_info)

    def from_source(
        self,
        source: Source,
        watermark_strategy: WatermarkStrategy,
        source_name: str,
        type_info: TypeInformation | None = None,
    ) -> DataStream:
        """The records of a source of `riverrun.datastream.connectors`, with timestamps and watermarks."""
        _calls.require(source, Source, "from_source")
        _calls.require(watermark_strategy, WatermarkStrategy, "from_source")
        declared = _type(type_info)
        stream = self._source(source_name, lambda graph: source._read(graph.native), declared)
        stream._node.options["name"] = f"Source: {source_name}"
        if declared is not None:
            stream = stream.map(_same, declared)
        if watermark_strategy._kind == "none" and watermark_strategy._assigner is None:
            return stream
        return stream.assign_timestamps_and_watermarks(watermark_strategy)

    def from_collection(self, collection: Iterable[Any], type_info: TypeInformation | None = None) -> DataStream:
        """The elements of a collection, in order, as they are now. A `range` is read as it goes.

        >>> env = StreamExecutionEnvironment.get_execution_environment().set_parallelism(1)
        >>> env.from_collection(range(3)).execute_and_collect(limit=2)
        [0, 1]
        """
        if isinstance(collection, str | bytes) or not isinstance(collection, Iterable):
            raise BadInputType(f"`from_collection` takes a list or another collection, and {collection!r} was given")
        declared = _type(type_info)
        # Others that are sequences may change, or have no slices.
        elements = collection if isinstance(collection, tuple | range) else tuple(collection)
        if declared is not None and not isinstance(elements, range):
            elements = tuple(declared.check(element) for element in elements)
        described = _description(declared) if isinstance(elements, range) else None
        return self._source(
            "Collection Source", lambda graph: graph.native.read_sequence(elements, described), declared
        )

    def _submit(self, job_name: str | None):
        nodes, self._nodes = self._nodes, []
        if not nodes:
            raise BadInput("the program has no operators; add one, and end a stream with `print` or `sink_to`")
        graph = self._graph(nodes)
        job = graph.native.submit(job_name or self._settings.get("name") or "Flink Streaming Job")
        _running.difference_update([other for other in _running if other.is_ended()])
        _running.add(job)
        return _Job(job)

    def _graph(self, nodes: list[Node]) -> Graph:
        native = _native.Environment()
        for setting, value in self._settings.items():
            if setting != "name":
                getattr(native, setting)(*(() if value is None else (value,)))
        native.set_auto_watermark_interval(self._config.get_auto_watermark_interval())
        for name, value in self._config.get_global_job_parameters().items():
            native.set_parameter(name, value)
        graph = Graph(native)
        graph.build(nodes)
        return graph

    def execute(self, job_name: str | None = None) -> JobExecutionResult:
        """Runs the program to its end. Ctrl-C cancels it.

        Raises:
            JobExecutionError: A function raised, which is the cause, or the job failed otherwise.
        """
        job = self._submit(job_name)
        try:
            runtime = job.wait()
        except KeyboardInterrupt:
            job.stop()
            raise
        return JobExecutionResult(JobID(job.id()), runtime)

    def execute_async(self, job_name: str = "Flink Streaming Job") -> JobClient:
        """Starts the program, and returns while it runs."""
        return JobClient(self._submit(job_name))

    def get_execution_plan(self) -> str:
        """The program so far as JSON."""
        return self._graph(self._nodes).native.get_execution_plan()

    def explain(self) -> str:
        """The program so far as text for people: the operators, and which share a task."""
        return self._graph(self._nodes).native.explain()

    def close(self) -> None:
        """Forgets the program so far."""
        self._nodes = []


class _SourceNode(Node):
    """A source, which runs only where something reads it."""

    def __init__(self, environment, build, name):
        super().__init__(environment, build, [], name=name, is_operator=False)
        self.is_operator = True


class _Job:
    """A job as the program has it."""

    def __init__(self, native):
        self._native = native

    def __getattr__(self, name):
        return getattr(self._native, name)

    def stop(self):
        """Cancels the job, and waits a moment for its tasks."""
        self._native.cancel()
        try:
            self._native.wait(2000)
        except Exception:
            pass


def _same(record):
    return record


def _millis(text: str) -> int:
    """The milliseconds of a duration as Flink writes it.

    >>> _millis("200 ms"), _millis("2s"), _millis("50")
    (200, 2000, 50)
    """
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text.strip()[len(number) :].strip() or "ms"
    factors = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
    if unit not in factors or not number.isdigit():
        raise BadInput(f"{text!r} is not a duration; write one as '200 ms' or '2 s'")
    return int(number) * factors[unit]
