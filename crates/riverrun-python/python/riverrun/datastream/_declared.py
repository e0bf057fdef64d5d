"""What a program declares: types of records, selectors of keys, numbers."""

from __future__ import annotations

from collections.abc import Callable

from riverrun.common.typeinfo import (
    BasicTypeInfo,
    ExternalTypeInfo,
    ListTypeInfo,
    MapTypeInfo,
    RowTypeInfo,
    TupleTypeInfo,
    TypeInformation,
    Types,
    _ArrayTypeInfo,
)
from riverrun.datastream import _calls
from riverrun.datastream.functions import KeySelector
from riverrun.exceptions import BadInput, BadInputType


def _type(type_info) -> TypeInformation | None:
    """A declared type; a list of types is a row's."""
    if isinstance(type_info, list):
        return RowTypeInfo(type_info)
    if type_info is not None and not isinstance(type_info, TypeInformation):
        raise BadInputType(f"a type is {type_info!r}; give one of `Types`, as `Types.STRING()`, or none")
    return type_info


def _description(type_info: TypeInformation | None):
    return None if type_info is None else type_info._description()


def _text(type_info: TypeInformation | None) -> Callable | None:
    """What makes a line of a record: as PyFlink prints it, which is `str` unless the declared type is one of Java's own."""
    typed = (TupleTypeInfo, RowTypeInfo, ExternalTypeInfo, ListTypeInfo, MapTypeInfo, _ArrayTypeInfo, BasicTypeInfo)
    if not isinstance(type_info, typed) or type_info == Types.STRING():
        return None
    return type_info._text


def _selector(selector, what: str) -> Callable:
    if isinstance(selector, KeySelector):
        return selector.get_key
    if _calls.is_plain(selector):
        return selector
    raise BadInputType(f"`{what}` takes a `KeySelector` or a function, and {selector!r} was given")


def _positive(number: int, what: str) -> int:
    if not isinstance(number, int) or number < 1:
        raise BadInput(f"the {what} is {number!r}; give at least 1")
    return number
