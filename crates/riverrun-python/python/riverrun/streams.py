"""Items that come one by one."""

from __future__ import annotations

from typing import Any, Iterator

__all__: list[str] = []


def is_stream(inputs: Any) -> bool:
    """Whether items come out of it one by one: a generator, an iterator, a dataset."""
    if isinstance(inputs, (str, bytes, bytearray, dict, list, tuple)):
        return False
    return hasattr(inputs, "__next__") or (hasattr(inputs, "__getitem__") and hasattr(inputs, "__len__"))


def in_batches(inputs: Any, size: int) -> Iterator[list[Any]]:
    """Its items, so many at a time."""
    taken: list[Any] = []
    for item in _items(inputs):
        taken.append(item)
        if len(taken) == size:
            yield taken
            taken = []
    if taken:
        yield taken


def _items(items: Any) -> Iterator[Any]:
    if hasattr(items, "__iter__"):
        yield from items
        return
    # As PyTorch's loader goes through a dataset.
    for index in range(len(items)):
        yield items[index]
