"""Rows: records with fields that may have names."""

from __future__ import annotations

from typing import Any
from enum import Enum

__all__ = ["Row", "RowKind"]


class RowKind(Enum):
    """What a row says of a table that changes."""

    INSERT = 0
    UPDATE_BEFORE = 1
    UPDATE_AFTER = 2
    DELETE = 3

    def __str__(self):
        return ("+I", "-U", "+U", "-D")[self.value]


class Row:
    """A record of fields, by position and, where they have names, by name.

    >>> row = Row(name="Alice", age=11)
    >>> row.name, row["age"], row[0], "age" in row
    ('Alice', 11, 'Alice', True)
    >>> Row("Alice", 11)
    <Row('Alice', 11)>
    >>> Person = Row("name", "age")
    >>> Person("Bob", 12)
    Row(name='Bob', age=12)
    """

    def __init__(self, *args, **kwargs):
        if args and kwargs:
            raise ValueError("a Row takes values or named values, not both")
        if kwargs:
            self._fields = list(kwargs)
        self._values = list(kwargs.values()) if kwargs else list(args)
        self._row_kind = RowKind.INSERT

    def _names(self) -> list | None:
        return self.__dict__.get("_fields")

    def as_dict(self, recursive: bool = False) -> dict:
        """The fields by name; with ``recursive``, those of rows within too.

        >>> Row(a=1, b=Row(c=2)).as_dict(True)
        {'a': 1, 'b': {'c': 2}}
        """
        names = self._names()
        if names is None:
            raise TypeError("the fields of this row have no names; give them with `set_field_names`")

        def converted(value):
            if isinstance(value, Row):
                return value.as_dict(True)
            if isinstance(value, list):
                return [converted(item) for item in value]
            if isinstance(value, dict):
                return {key: converted(item) for key, item in value.items()}
            return value

        values = map(converted, self._values) if recursive else self._values
        return dict(zip(names, values, strict=False))

    def get_row_kind(self) -> RowKind:
        return self._row_kind

    def set_row_kind(self, row_kind: RowKind) -> None:
        self._row_kind = row_kind

    def set_field_names(self, field_names: list) -> None:
        self._fields = list(field_names)

    def get_fields_by_names(self, names: list[str]) -> list:
        """The values of these fields; all of them, where the fields have no names."""
        own = self._names()
        if own is None or names == own:
            return self._values
        missing = [name for name in names if name not in own]
        if missing:
            raise ValueError(f"the row has no fields {missing}; it has {own}")
        return [self._values[own.index(name)] for name in names]

    @staticmethod
    def of_kind(row_kind: RowKind, *args: Any, **kwargs: Any) -> Row:
        row = Row(*args, **kwargs)
        row.set_row_kind(row_kind)
        return row

    def __contains__(self, item):
        names = self._names()
        return item in (self._values if names is None else names)

    def __call__(self, *args):
        if len(args) > len(self):
            raise ValueError(f"the row has {len(self)} fields, and {len(args)} values were given")
        row = Row(*args)
        row._fields = list(self._values)
        row._row_kind = self._row_kind
        return row

    def _position(self, name) -> int:
        names = self._names()
        if names is None or name not in names:
            raise KeyError(name)
        return names.index(name)

    def __getitem__(self, item):
        return self._values[item if isinstance(item, int | slice) else self._position(item)]

    def __setitem__(self, key, value):
        self._values[key if isinstance(key, int | slice) else self._position(key)] = value

    def __getattr__(self, item):
        if item.startswith("_"):
            raise AttributeError(item)
        try:
            return self[item]
        except (KeyError, IndexError):
            raise AttributeError(f"the row has no field {item!r}") from None

    def __setattr__(self, key, value):
        if key not in ("_fields", "_row_kind", "_values"):
            raise AttributeError(f"a row is written by position or name, as `row[{key!r}] = …`")
        self.__dict__[key] = value

    def __reduce__(self):
        return _make_row, (self._names(), tuple(self._values), self._row_kind)

    def __repr__(self):
        names = self._names()
        if names is None:
            return f"<Row({', '.join(map(repr, self._values))})>"
        fields = zip(names, self._values, strict=False)
        return f"Row({', '.join(f'{name}={value!r}' for name, value in fields)})"

    def __eq__(self, other):
        if not isinstance(other, Row) or self._row_kind != other._row_kind:
            return False
        if self._names() is None or other._names() is None:
            return self._names() == other._names() and self._values == other._values
        return self.as_dict() == other.as_dict()

    def __hash__(self):
        return hash(tuple(self._values))

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)


def _make_row(names, values, row_kind) -> Row:
    row = Row(*values)
    if names is not None:
        row.set_field_names(names)
    row.set_row_kind(row_kind)
    return row
