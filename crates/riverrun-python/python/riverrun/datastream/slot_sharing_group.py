"""Slot sharing, which has no meaning in one process. The classes are there so that programs can name them."""

from __future__ import annotations

from riverrun.exceptions import NotSupported

__all__ = ["MemorySize", "SlotSharingGroup"]


class MemorySize:
    """A number of bytes.

    >>> MemorySize.of_mebi_bytes(2).get_bytes()
    2097152
    """

    def __init__(self, j_memory_size=None, bytes_size: int | None = None):
        if bytes_size is None:
            raise NotSupported("a memory size of Java's is for Flink; give `bytes_size`")
        self._bytes = bytes_size

    @staticmethod
    def of_mebi_bytes(mebi_bytes: int) -> MemorySize:
        return MemorySize(bytes_size=mebi_bytes << 20)

    def get_bytes(self) -> int:
        return self._bytes

    def get_kibi_bytes(self) -> int:
        return self._bytes >> 10

    def get_mebi_bytes(self) -> int:
        return self._bytes >> 20

    def get_gibi_bytes(self) -> int:
        return self._bytes >> 30

    def get_tebi_bytes(self) -> int:
        return self._bytes >> 40

    def __eq__(self, other):
        return isinstance(other, MemorySize) and self._bytes == other._bytes

    def __hash__(self):
        return hash(self._bytes)

    def __str__(self):
        return f"{self._bytes} bytes"


class SlotSharingGroup:
    """A name."""

    def __init__(self, name: str):
        self._name = name

    def get_name(self) -> str:
        return self._name

    @staticmethod
    def builder(name: str) -> SlotSharingGroup.Builder:
        return SlotSharingGroup.Builder(name)

    class Builder:
        def __init__(self, name: str):
            self._name = name

        def __getattr__(self, name: str):
            if not name.startswith("set_"):
                raise AttributeError(name)
            raise NotSupported(f"`SlotSharingGroup.Builder.{name}` gives resources to a slot, and there are none in one process")

        def build(self) -> SlotSharingGroup:
            return SlotSharingGroup(self._name)
