"""Names of side outputs."""

from __future__ import annotations

from typing import NoReturn

from riverrun.common.typeinfo import RowTypeInfo, TypeInformation
from riverrun.exceptions import NotSupported

__all__ = ["OutputTag"]


class OutputTag:
    """The name of a side output, and the type of its records.

    >>> OutputTag("late").tag_id
    'late'
    """

    def __init__(self, tag_id: str, type_info: TypeInformation | list | None = None):
        if not isinstance(tag_id, str) or not tag_id:
            raise ValueError(f"the id of an output tag is {tag_id!r}; give a string that is not empty")
        self.tag_id = tag_id
        self.type_info = RowTypeInfo(type_info) if isinstance(type_info, list) else type_info

    def get_java_output_tag(self) -> NoReturn:
        raise NotSupported("there is no Java on the local host")

    def __eq__(self, other):
        return isinstance(other, OutputTag) and self.tag_id == other.tag_id

    def __hash__(self):
        return hash(self.tag_id)

    def __repr__(self):
        return f"OutputTag({self.tag_id!r})"
