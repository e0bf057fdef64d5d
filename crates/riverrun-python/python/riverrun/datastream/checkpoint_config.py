"""Settings of checkpoints. They are kept, and have no effect, which they say: the local host takes no checkpoints yet."""

from __future__ import annotations

from riverrun.common.time import Duration
from riverrun.datastream._plan import without_effect
from riverrun.datastream.checkpointing_mode import CheckpointingMode
from riverrun.datastream.externalized_checkpoint_retention import ExternalizedCheckpointRetention

__all__ = ["CheckpointConfig"]

_WHY = "it takes no checkpoints yet, and remembers the setting alone"

# Name, default. Each has a getter and a setter.
_SETTINGS = {
    "checkpointing_mode": CheckpointingMode.EXACTLY_ONCE,
    "checkpoint_interval": -1,
    "checkpoint_timeout": 600_000,
    "min_pause_between_checkpoints": 0,
    "max_concurrent_checkpoints": 1,
    "tolerable_checkpoint_failure_number": 0,
    "externalized_checkpoint_retention": ExternalizedCheckpointRetention.NO_EXTERNALIZED_CHECKPOINTS,
    "aligned_checkpoint_timeout": Duration.of_millis(0),
    "alignment_timeout": Duration.of_millis(0),
}


class CheckpointConfig:
    """Settings of checkpoints, by the methods ``get_…`` and ``set_…``.

    >>> from riverrun.datastream import StreamExecutionEnvironment
    >>> config = StreamExecutionEnvironment.get_execution_environment().get_checkpoint_config()
    >>> config.set_checkpoint_timeout(1000).get_checkpoint_timeout()
    1000
    """

    DEFAULT_MODE = CheckpointingMode.EXACTLY_ONCE
    DEFAULT_TIMEOUT = 600_000
    DEFAULT_MIN_PAUSE_BETWEEN_CHECKPOINTS = 0
    DEFAULT_MAX_CONCURRENT_CHECKPOINTS = 1

    def __init__(self, environment):
        self._values = dict(_SETTINGS)
        self._is_unaligned = False
        self._is_forced = False
        self._fails = True

    def is_checkpointing_enabled(self) -> bool:
        return self._values["checkpoint_interval"] > 0

    def is_fail_on_checkpointing_errors(self) -> bool:
        return self._fails

    def set_fail_on_checkpointing_errors(self, fail_on_checkpointing_errors: bool) -> CheckpointConfig:
        without_effect("set_fail_on_checkpointing_errors", _WHY)
        self._fails = fail_on_checkpointing_errors
        return self

    def is_externalized_checkpoints_enabled(self) -> bool:
        return self.get_externalized_checkpoint_retention() is not ExternalizedCheckpointRetention.NO_EXTERNALIZED_CHECKPOINTS

    def is_unaligned_checkpoints_enabled(self) -> bool:
        return self._is_unaligned

    def enable_unaligned_checkpoints(self, enabled: bool = True) -> CheckpointConfig:
        without_effect("enable_unaligned_checkpoints", _WHY)
        self._is_unaligned = enabled
        return self

    def disable_unaligned_checkpoints(self) -> CheckpointConfig:
        without_effect("disable_unaligned_checkpoints", _WHY)
        self._is_unaligned = False
        return self

    def set_force_unaligned_checkpoints(self, force_unaligned_checkpoints: bool = True) -> CheckpointConfig:
        without_effect("set_force_unaligned_checkpoints", _WHY)
        self._is_forced = force_unaligned_checkpoints
        return self

    def is_force_unaligned_checkpoints(self) -> bool:
        return self._is_forced


def _add(name: str):
    def get(self):
        return self._values[name]

    def put(self, value):
        without_effect(f"set_{name}", _WHY)
        self._values[name] = value
        return self

    get.__name__, put.__name__ = f"get_{name}", f"set_{name}"
    setattr(CheckpointConfig, get.__name__, get)
    setattr(CheckpointConfig, put.__name__, put)


for _name in _SETTINGS:
    _add(_name)
