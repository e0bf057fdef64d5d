"""How objects are stored in state: by a tag that says what they are, never by pickle.

Stored are ``None``, booleans, integers of any size, floats, strings, bytes, lists, tuples, dictionaries, sets, the classes of
`datetime`, `decimal.Decimal`, `uuid.UUID`, enums, `Row`, dataclasses, named tuples, and NumPy's arrays and scalars. For other
classes `register` says how; anything else is a ``TypeError`` where it is put into state.

>>> import dataclasses, datetime
>>> stored = dumps((1, datetime.date(2026, 1, 2), {"a": {1.5}}))
>>> loads(stored)
(1, datetime.date(2026, 1, 2), {'a': {1.5}})
"""

from __future__ import annotations

from typing import Any
import dataclasses
import datetime
import decimal
import enum
import importlib
import io
import sys
import uuid
import weakref
from collections.abc import Callable

from riverrun._native import dumps, loads
from riverrun.common.serializer import TypeSerializer
from riverrun.common.time import Instant
from riverrun.common.types import Row, RowKind

__all__ = ["dumps", "loads", "register"]

_writers: dict[type, tuple[str, Callable]] = {}
_readers: dict[str, Callable] = {}
# The classes that their paths are known to lead to.
_found_again: weakref.WeakSet[type] = weakref.WeakSet()


def register(cls: type, serializer: TypeSerializer | None = None, *, to: Any = None, of: Any = None, name: str | None = None) -> Any:
    """Says how objects of a class are stored: by a `TypeSerializer`, or by two functions, ``to`` for what can be stored and
    ``of`` for the object again. What is stored stands under ``name``, the name of the class unless it is given.

    >>> class Point:
    ...     def __init__(self, x, y):
    ...         self.x, self.y = x, y
    >>> register(Point, to=lambda point: (point.x, point.y), of=lambda parts: Point(*parts))
    >>> loads(dumps(Point(1, 2))).y
    2
    """
    if serializer is not None:
        to, of = _by_stream(serializer)
    if not (callable(to) and callable(of)):
        raise TypeError(f"`{cls.__name__}` is registered without a way there and back; give a serializer, or both `to` and `of`")
    name = name or f"{cls.__module__}.{cls.__qualname__}"
    _writers[cls] = (name, to)
    _readers[name] = of


def _by_stream(serializer: TypeSerializer):
    def to(value) -> bytes:
        stream = io.BytesIO()
        serializer.serialize(value, stream)
        return stream.getvalue()

    return to, lambda stored: serializer.deserialize(io.BytesIO(stored))


def _take_apart(value) -> tuple[str, object]:
    """The name of what a value is, and its parts, which can be stored."""
    cls = type(value)
    found = _writers.get(cls)
    if found is not None:
        return found[0], found[1](value)
    if isinstance(value, enum.Flag):
        # Several at once have no name that is looked up.
        return "flag", (_path(cls), value.value)
    if isinstance(value, enum.Enum):
        return "enum", (_path(cls), value.name)
    if dataclasses.is_dataclass(cls):
        if "__dataclass_fields__" not in vars(cls):
            raise TypeError(
                f"`{cls.__qualname__}` is a subclass of a dataclass and none itself, so that what it adds would be lost; decorate it "
                "with `dataclasses.dataclass`, so that it can be stored"
            )
        fields = [field.name for field in dataclasses.fields(value)]
        return "dataclass", (_path(cls), {name: getattr(value, name) for name in fields})
    if isinstance(value, tuple) and hasattr(cls, "_fields"):
        return "named tuple", (_path(cls), tuple(value))
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        return _take_apart_numpy(numpy, value)
    raise TypeError(
        f"a value of type `{cls.__module__}.{cls.__qualname__}` cannot be stored; make it a dataclass, or say how with "
        "`riverrun.datastream.serializers.register`"
    )


def _take_apart_numpy(numpy, value):
    cls = type(value)
    if isinstance(value, numpy.ndarray) and cls is not numpy.ndarray or value.dtype.type is numpy.record:
        raise TypeError(
            f"a value of type `{cls.__module__}.{cls.__qualname__}` is more than a plain NumPy array and cannot be stored; store "
            "`numpy.asarray` of it and what it adds, or say how with `riverrun.datastream.serializers.register`"
        )
    if value.dtype.hasobject:
        raise TypeError(f"a NumPy value of dtype {value.dtype} holds Python objects and cannot be stored; give it a dtype of its own")
    dtype = value.dtype.descr if value.dtype.names else value.dtype.str
    if numpy.dtype(dtype) != value.dtype:
        raise TypeError(f"a NumPy value of dtype {value.dtype!r} cannot be stored; give it one without padding and titles")
    kind = "numpy array" if isinstance(value, numpy.ndarray) else "numpy scalar"
    return kind, (dtype, tuple(value.shape), value.tobytes())


def _put_together(name: str, parts):
    reader = _readers.get(name)
    if reader is None:
        raise TypeError(
            f"a stored value is a `{name}`, and nothing is registered under that name; register it before the state is read"
        )
    return reader(parts)


def _path(cls: type) -> str:
    if "<locals>" in cls.__qualname__:
        raise TypeError(f"`{cls.__qualname__}` is defined inside a function and could not be found again; define it in a module")
    path = f"{cls.__module__}:{cls.__qualname__}"
    if cls not in _found_again:
        try:
            is_found = _class(path) is cls
        except (ImportError, AttributeError):
            is_found = False
        if not is_found:
            raise TypeError(
                f"`{cls.__module__}.{cls.__qualname__}` is not what that name stands for and could not be found again; define the class "
                "in a module under its own name"
            )
        _found_again.add(cls)
    return path


def _class(path: str) -> type:
    module, _, qualified = path.partition(":")
    found = importlib.import_module(module)
    for name in qualified.split("."):
        found = getattr(found, name)
    return found


def _dataclass(parts):
    path, fields = parts
    cls = _class(path)
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"`{path}` was a dataclass when a value of it was stored, and is none now")
    known = {field.name: field for field in dataclasses.fields(cls)}
    made = cls(**{name: value for name, value in fields.items() if name in known and known[name].init})
    for name, value in fields.items():
        if name in known and not known[name].init:
            object.__setattr__(made, name, value)
    return made


def _enum(parts):
    path, name = parts
    cls = _class(path)
    if not issubclass(cls, enum.Enum):
        raise TypeError(f"`{path}` was an enum when a value of it was stored, and is none now")
    return cls[name]


def _flag(parts):
    path, value = parts
    cls = _class(path)
    if not issubclass(cls, enum.Flag):
        raise TypeError(f"`{path}` was a flag when a value of it was stored, and is none now")
    return cls(value)


def _named_tuple(parts):
    path, values = parts
    cls = _class(path)
    if not (issubclass(cls, tuple) and hasattr(cls, "_make")):
        raise TypeError(f"`{path}` was a named tuple when a value of it was stored, and is none now")
    return cls._make(values)


def _numpy_array(parts):
    numpy = importlib.import_module("numpy")
    dtype, shape, data = parts
    return numpy.frombuffer(data, numpy.dtype(dtype)).reshape(shape).copy()


def _numpy_scalar(parts):
    return _numpy_array(parts)[()]


def _row(parts):
    names, values, kind = parts
    row = Row(*values)
    if names is not None:
        row.set_field_names(names)
    row.set_row_kind(RowKind(kind))
    return row


def _zone(value):
    if value.tzinfo is None:
        return None
    key = getattr(value.tzinfo, "key", None)
    if key is not None:
        return key
    offset = value.utcoffset()
    if not isinstance(value.tzinfo, datetime.timezone) or offset is None:
        raise TypeError(f"the time zone {value.tzinfo!r} cannot be stored; use `datetime.timezone` or `zoneinfo`")
    return offset / datetime.timedelta(microseconds=1)


def _of_zone(zone):
    if zone is None:
        return None
    if isinstance(zone, str):
        return importlib.import_module("zoneinfo").ZoneInfo(zone)
    return datetime.timezone(datetime.timedelta(microseconds=zone))


def _of_datetime(parts):
    *numbers, zone, fold = parts
    return datetime.datetime(*numbers, tzinfo=_of_zone(zone), fold=fold)


def _of_time(parts):
    *numbers, zone, fold = parts
    return datetime.time(*numbers, tzinfo=_of_zone(zone), fold=fold)


def _datetime_parts(value):
    date = (value.year, value.month, value.day)
    return (*date, value.hour, value.minute, value.second, value.microsecond, _zone(value), value.fold)


def _time_parts(value):
    return (value.hour, value.minute, value.second, value.microsecond, _zone(value), value.fold)


_readers |= {
    "enum": _enum,
    "flag": _flag,
    "dataclass": _dataclass,
    "named tuple": _named_tuple,
    "numpy array": _numpy_array,
    "numpy scalar": _numpy_scalar,
}
register(datetime.date, to=lambda date: (date.year, date.month, date.day), of=lambda parts: datetime.date(*parts), name="date")
register(datetime.datetime, to=_datetime_parts, of=_of_datetime, name="datetime")
register(datetime.time, to=_time_parts, of=_of_time, name="time")
register(
    datetime.timedelta,
    to=lambda delta: (delta.days, delta.seconds, delta.microseconds),
    of=lambda parts: datetime.timedelta(*parts),
    name="timedelta",
)
register(decimal.Decimal, to=str, of=decimal.Decimal, name="decimal")
register(uuid.UUID, to=lambda value: value.bytes, of=lambda data: uuid.UUID(bytes=data), name="uuid")
register(complex, to=lambda value: (value.real, value.imag), of=lambda parts: complex(*parts), name="complex")
register(Instant, to=lambda instant: (instant.seconds, instant.nanos), of=lambda parts: Instant(*parts), name="instant")
register(Row, to=lambda row: (row._names(), tuple(row), row.get_row_kind().value), of=_row, name="row")
