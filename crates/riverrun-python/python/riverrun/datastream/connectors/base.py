"""What sources and sinks have in common."""

from __future__ import annotations

from typing import Any
from abc import ABC, abstractmethod
from enum import Enum

from riverrun.exceptions import NotSupported

__all__ = ["DeliveryGuarantee", "Sink", "Source", "StreamTransformer", "SupportsPreprocessing"]


class Source:
    """Where records come from."""

    def __init__(self, source=None):
        raise NotSupported("sources written in Java run inside Flink only; use those of `riverrun.datastream.connectors`")

    def _read(self, native):
        """The stream of the source, in an environment of the engine's."""
        raise NotImplementedError


class Sink:
    """Where records go."""

    def __init__(self, sink=None):
        raise NotSupported("sinks written in Java run inside Flink only; use those of `riverrun.datastream.connectors`")

    def _write(self, stream, text):
        """Ends a stream of the engine's in the sink; ``text`` makes a line of a record."""
        raise NotImplementedError


class DeliveryGuarantee(Enum):
    """How often a record arrives."""

    EXACTLY_ONCE = 0
    AT_LEAST_ONCE = 1
    NONE = 2


class StreamTransformer(ABC):
    """What is done to a stream before it is written."""

    @abstractmethod
    def apply(self, ds: Any) -> Any: ...


class SupportsPreprocessing(ABC):
    """A sink that has something done to the stream before."""

    @abstractmethod
    def get_transformer(self) -> Any: ...
