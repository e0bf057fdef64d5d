"""Several calls as one: arguments are put together along a dimension, and the result is taken apart again.

What can be put together are lists and tuples, NumPy arrays, pandas DataFrames and Series, PyTorch tensors, Arrow arrays and tables. None of
these packages is imported here: who has such an object has it imported.

A method sees rows of pandas numbered from 0, whether it is called for one or for several, and whoever calls gets the index of its own
first argument of pandas back, unless the method gave the rows another one than their numbers.
"""

from __future__ import annotations

from typing import Any, Callable, Hashable, NamedTuple

from riverrun import ending
from riverrun.exceptions import BadInput, BadInputType
from riverrun.runnable import MethodConfig

__all__: list[str] = []


class Call(NamedTuple):
    """What a method is called with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    rows: int


def call(name: str, config: MethodConfig, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """A call, and how many rows it has.

    Raises:
        BadInputType: The method takes batches, and an argument is none.
        BadInput: The arguments have different numbers of rows.
    """
    if not config.batchable:
        return Call(args, kwargs, 1)
    counts = [(where, _rows(value, config.batch_dim[0])) for where, value in _named(args, kwargs)]
    counted = [(where, count) for where, count in counts if count is not None]
    if not counted or counts[0][1] is None:
        given = f"not {type(next(iter(_named(args, kwargs)))[1]).__name__}" if counts else "and there is none"
        raise BadInputType(f"`{name}` takes batches: its first argument must be a list, an array or a table, {given}")
    first, rows = counted[0]
    for where, count in counted[1:]:
        if count != rows:
            raise BadInput(f"`{name}`: {first} has {rows} rows, but {where} has {count}; there must be as many")
    return Call(args, kwargs, rows)


def call_of_one(name: str, config: MethodConfig, value: Any) -> Call:
    """A call with one item, as a batch of one if the method takes batches.

    Raises:
        BadInput: The item is a table with several rows.
    """
    if not config.batchable:
        return Call((value,), {}, 1)
    package, dim = _package(value), config.batch_dim[0]
    if hasattr(value, "columns") or hasattr(value, "schema"):
        if len(value) != 1:
            raise BadInput(f"`{name}` is called for one record, and a table with {len(value)} rows was given")
        return Call((value,), {}, 1)
    if package == "numpy":
        import numpy

        return Call((numpy.expand_dims(value, dim),), {}, 1)
    if package == "torch":
        return Call((value.unsqueeze(dim),), {}, 1)
    if dim != 0:
        raise BadInputType(f"`{name}` takes batches along dimension {dim}: its argument must be an array, not {type(value).__name__}")
    return Call(([value],), {}, 1)


def only(result: Any, config: MethodConfig) -> Any:
    """The result of a call with one item."""
    if not config.batchable:
        return result
    dim = config.batch_dim[1]
    if hasattr(result, "iloc"):
        return result.iloc[0] if dim == 0 else result.iloc[:, 0]
    return result[0] if dim == 0 else result[(slice(None),) * dim + (0,)]


def computer(instance: Any, name: str, config: MethodConfig) -> Callable[[str, list[Call]], list[tuple[Any, Any]]]:
    """What computes the calls of a method: `(result, None)` or `(None, exception)` for each."""
    method = getattr(instance, name)

    def alone(one: Call) -> list[tuple[Any, Any]]:
        try:
            if not config.batchable:
                return [(method(*one.args, **one.kwargs), None)]
            args, kwargs = _merged([one], config.batch_dim[0])
            result = method(*args, **kwargs)
            _check(name, result, config.batch_dim[1], one.rows)
            (part,) = _parts(result, config.batch_dim, [one])
            return [(part, None)]
        except Exception as error:
            return [(None, error)]

    def together(calls: list[Call]) -> list[tuple[Any, Any]]:
        if len(calls) == 1:
            return alone(calls[0])
        try:
            args, kwargs = _merged(calls, config.batch_dim[0])
            result = method(*args, **kwargs)
            _check(name, result, config.batch_dim[1], sum(one.rows for one in calls))
            return [(part, None) for part in _parts(result, config.batch_dim, calls)]
        except Exception:
            # One of them is at fault, and the others must not suffer for it.
            half = len(calls) // 2
            return together(calls[:half]) + together(calls[half:])

    def compute(_: str, calls: list[Call]) -> list[tuple[Any, Any]]:
        ending.enter()
        try:
            return each(calls)
        finally:
            ending.leave()

    def each(calls: list[Call]) -> list[tuple[Any, Any]]:
        if not config.batchable:
            return [outcome for one in calls for outcome in alone(one)]
        groups: dict[Hashable, list[int]] = {}
        for index, one in enumerate(calls):
            groups.setdefault(_alike(one, config.batch_dim[0], index), []).append(index)
        outcomes: list[tuple[Any, Any]] = [(None, None)] * len(calls)
        for indices in groups.values():
            for index, outcome in zip(indices, together([calls[index] for index in indices])):
                outcomes[index] = outcome
        return outcomes

    return compute


def _named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(f"argument {index + 1}", value) for index, value in enumerate(args)] + list(kwargs.items())


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _rows(value: Any, dim: int) -> int | None:
    """How many rows a batch has; nothing of a value that is none."""
    if isinstance(value, (list, tuple)):
        return len(value) if dim == 0 else None
    package = _package(value)
    if package in ("numpy", "torch", "pandas") and hasattr(value, "shape"):
        return int(value.shape[dim]) if len(value.shape) > dim else None
    if package in ("pyarrow", "polars") and hasattr(value, "__len__"):
        return len(value) if dim == 0 else None
    return None


def _alike(one: Call, dim: int, index: int) -> Hashable:
    """Calls with the same key can be put together: same kinds of arguments, of the same types and shapes but for the rows.

    So arrays of different types are not cast, and one of another shape is the method's to refuse, alone.
    """
    key: list[Hashable] = [len(one.args)]
    for where, value in _named(one.args, one.kwargs):
        key.append(where)
        key.append(type(value))
        if _rows(value, dim) is None:
            # The same value for all; what cannot be compared stands alone.
            try:
                hash(value)
                key.append(value)
            except TypeError:
                key.append(index)
            continue
        package = _package(value)
        if package in ("numpy", "torch"):
            key += [str(value.dtype), *(size for axis, size in enumerate(value.shape) if axis != dim)]
        elif package == "pandas" and hasattr(value, "columns"):
            key += [tuple(value.columns), tuple(map(str, value.dtypes))]
            if dim != 0:
                # Columns beside each other meet by the labels of their rows.
                key.append(tuple(value.index))
        elif package in ("pandas", "polars") and hasattr(value, "dtype"):
            key.append(str(value.dtype))
        elif package == "polars":
            key += [tuple(value.columns), tuple(map(str, value.dtypes))]
        elif package == "pyarrow":
            key.append(str(getattr(value, "schema", None) or value.type))
    return tuple(key)


def _merged(calls: list[Call], dim: int) -> tuple[list[Any], dict[str, Any]]:
    first = calls[0]
    args = [_concatenated([one.args[index] for one in calls], dim) for index in range(len(first.args))]
    kwargs = {name: _concatenated([one.kwargs[name] for one in calls], dim) for name in first.kwargs}
    return args, kwargs


def _concatenated(values: list[Any], dim: int) -> Any:
    first = values[0]
    if _rows(first, dim) is None:
        return first
    if len(values) == 1:
        return _numbered(first, dim)
    if isinstance(first, (list, tuple)):
        return type(first)(item for value in values for item in value) if type(first) in (list, tuple) else [
            item for value in values for item in value
        ]
    package = _package(first)
    if package == "numpy":
        import numpy

        return numpy.concatenate(values, axis=dim)
    if package == "torch":
        import torch

        return torch.cat(values, dim=dim)
    if package == "pandas":
        import pandas

        return pandas.concat(values, axis=dim, ignore_index=dim == 0)
    if package == "polars":
        import polars

        return polars.concat(values)
    import pyarrow

    return pyarrow.concat_tables(values) if hasattr(first, "schema") else pyarrow.concat_arrays(values)


def _numbered(value: Any, dim: int) -> Any:
    """A view of rows of pandas that are numbered from 0, as those of several calls are; anything else as it is."""
    if _package(value) != "pandas" or dim != 0 or not hasattr(value, "index") or _is_numbered(value.index):
        return value
    import pandas

    numbered = value.copy(deep=False)
    numbered.index = pandas.RangeIndex(len(value))
    return numbered


def _is_numbered(index: Any) -> bool:
    import pandas

    return index.nlevels == 1 and index.name is None and index.equals(pandas.RangeIndex(len(index)))


def _parts(result: Any, dims: tuple[int, int], calls: list[Call]) -> list[Any]:
    """Each call's part of a result."""
    into, out = dims
    parts = [result] if len(calls) == 1 else _split(result, out, [one.rows for one in calls])
    if _package(result) != "pandas" or out != 0 or not hasattr(result, "index") or not _is_numbered(result.index):
        return parts
    return [_with_index(part, _index(one, into)) for part, one in zip(parts, calls)]


def _index(one: Call, dim: int) -> Any:
    """The index of the first argument of pandas, if there is one."""
    if dim == 0:
        for _, value in _named(one.args, one.kwargs):
            if _package(value) == "pandas" and hasattr(value, "index") and _rows(value, dim) is not None:
                return value.index
    return None


def _with_index(part: Any, index: Any) -> Any:
    import pandas

    part = part.copy(deep=False)
    part.index = pandas.RangeIndex(len(part)) if index is None else index
    return part


def _check(name: str, result: Any, dim: int, rows: int) -> None:
    given = _rows(result, dim)
    if given is None:
        raise BadInputType(
            f"`{name}` is batchable and was given {rows} rows, so it must return a list, an array or a table of as many, not "
            f"{type(result).__name__}"
        )
    if given != rows:
        raise BadInput(f"`{name}` was given {rows} rows and returned {given}; a batchable method returns one result for each")


def _split(result: Any, dim: int, rows: list[int]) -> list[Any]:
    parts, start = [], 0
    for count in rows:
        end = start + count
        if _package(result) == "pandas":
            parts.append(result.iloc[start:end] if dim == 0 else result.iloc[:, start:end])
        elif dim == 0:
            parts.append(result[start:end])
        else:
            parts.append(result[(slice(None),) * dim + (slice(start, end),)])
        start = end
    return parts
