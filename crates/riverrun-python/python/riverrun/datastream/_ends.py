"""The ends of streams: sinks, and results that the program iterates over."""

from __future__ import annotations

from riverrun.datastream._declared import _positive
from riverrun.datastream._plan import Node, without_effect
from riverrun.exceptions import NotSupported


class _NoOptions:
    """The end of a stream that has no options."""


class CloseableIterator:
    """The records of a job that runs. It is a context manager too."""

    def __init__(self, job, collected):
        self._job = job
        self._collected = collected
        self._is_ended = False

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def next(self):
        """The next record; ``StopIteration`` at the end of the job, or what it failed with."""
        while True:
            found = self._collected.next(0 if self._is_ended else 50)
            if found:
                return found[0]
            if self._is_ended:
                raise StopIteration("the stream has no more records")
            # Looked at before the records, so that what came last is not missed.
            try:
                self._is_ended = self._job.wait(0 if self._job.is_ended() else 1) is not None
            except BaseException:
                self.close()
                raise

    def close(self):
        """Cancels the job, if it still runs."""
        self._is_ended = True
        if not self._job.is_ended():
            self._job.cancel()

    def __del__(self):
        self.close()


class DataStreamSink:
    """The end of a stream."""

    def __init__(self, node: Node):
        self._node = node

    def _set(self, option: str, value=None) -> DataStreamSink:
        self._node.options[option] = value
        return self

    def name(self, name: str) -> DataStreamSink:
        return self._set("name", name)

    def uid(self, uid: str) -> DataStreamSink:
        return self._set("uid", uid)

    def set_uid_hash(self, uid_hash: str) -> DataStreamSink:
        raise NotSupported("uid hashes are Flink's; use `uid`")

    def set_parallelism(self, parallelism: int) -> DataStreamSink:
        return self._set("set_parallelism", _positive(parallelism, "parallelism"))

    def set_description(self, description: str) -> DataStreamSink:
        without_effect("set_description", "plans show names; use `name`")
        return self

    def disable_chaining(self) -> DataStreamSink:
        return self._set("disable_chaining")

    def slot_sharing_group(self, slot_sharing_group) -> DataStreamSink:
        without_effect("slot_sharing_group", "there are no slots in one process")
        return self
