"""Where state is kept: in memory, on the local host."""

from riverrun.exceptions import NotSupported

__all__ = [
    "CustomStateBackend",
    "EmbeddedRocksDBStateBackend",
    "HashMapStateBackend",
    "PredefinedOptions",
    "StateBackend",
]


class StateBackend:
    """PyFlink's handle of a Java class, which runs inside Flink only."""

    def __init__(self, *args, **kwargs):
        raise NotSupported(f"`{type(self).__name__}` is Flink's; on the local host leave it out")


class HashMapStateBackend(StateBackend):
    """As `StateBackend`."""


class EmbeddedRocksDBStateBackend(StateBackend):
    """As `StateBackend`."""


class CustomStateBackend(StateBackend):
    """As `StateBackend`."""


class PredefinedOptions(StateBackend):
    """As `StateBackend`."""
