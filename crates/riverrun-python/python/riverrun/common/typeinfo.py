"""What a program says of the types of its records: `Types` and `TypeInformation`.

A declared type is checked, and where it says so records are converted: ``FLOAT`` rounds to single precision, ``ROW`` makes a
`Row` of a tuple, ``TUPLE`` a tuple of a list. What is declared also decides how records are printed.
"""

from __future__ import annotations

from typing import Any
import struct
from enum import Enum

__all__ = ["TypeInformation", "Types"]


class TypeInformation:
    """The type of records.

    >>> Types.INT().check(5)
    5
    >>> Types.INT().check("five")
    Traceback (most recent call last):
    ...
    TypeError: a record is declared as Types.INT(), and is 'five' (str)
    """

    def _description(self) -> tuple:
        """The type as the native side reads it."""
        raise NotImplementedError

    def _text(self, value) -> str:
        """A record as it is printed."""
        return str(value)

    def check(self, value: Any) -> Any:
        """The value as this type has it; raises where it is of another."""
        from riverrun._native import convert_record

        return convert_record(value, self._description())

    def need_conversion(self) -> bool:
        return False

    def to_internal_type(self, obj: Any) -> Any:
        return obj

    def from_internal_type(self, obj: Any) -> Any:
        return obj

    def __eq__(self, other):
        return isinstance(other, TypeInformation) and self._description() == other._description()

    def __hash__(self):
        return hash(repr(self))


class BasicType(Enum):
    STRING = "String"
    BYTE = "Byte"
    BOOLEAN = "Boolean"
    SHORT = "Short"
    INT = "Integer"
    LONG = "Long"
    FLOAT = "Float"
    DOUBLE = "Double"
    CHAR = "Char"
    BIG_INT = "BigInteger"
    BIG_DEC = "BigDecimal"
    INSTANT = "Instant"


_BITS = {"BYTE": 8, "SHORT": 16, "INT": 32, "LONG": 64}

_DESCRIPTIONS = {
    "STRING": ("text",),
    "BOOLEAN": ("boolean",),
    "FLOAT": ("float",),
    "DOUBLE": ("double",),
    "CHAR": ("character",),
    "BIG_INT": ("big integer",),
    "BIG_DEC": ("instance", "decimal", "Decimal"),
    "INSTANT": ("instance", "riverrun.common.time", "Instant"),
} | {name: ("integer", -(1 << bits - 1), (1 << bits - 1) - 1, name) for name, bits in _BITS.items()}


class BasicTypeInfo(TypeInformation):
    """Numbers, strings and the like."""

    def __init__(self, basic_type: BasicType):
        self._basic_type = basic_type

    def _description(self):
        return _DESCRIPTIONS[self._basic_type.name]

    def _text(self, value):
        if value is None:
            return "null"
        match self._basic_type:
            case BasicType.BOOLEAN:
                return "true" if value else "false"
            case BasicType.FLOAT:
                return _text_of_float(value, single=True)
            case BasicType.DOUBLE:
                return _text_of_float(value, single=False)
        return str(value)

    def __repr__(self):
        return f"{self._basic_type.value}"


for _type in BasicType:
    setattr(BasicTypeInfo, f"{_type.name}_TYPE_INFO", staticmethod(lambda basic=_type: BasicTypeInfo(basic)))


def _text_of_float(value: float, single: bool) -> str:
    """As Java prints it: with a decimal point, and with an exponent below a thousandth and from ten millions on.

    >>> _text_of_float(1e7, False), _text_of_float(110.0999984741211, True), _text_of_float(0.5, False)
    ('1.0E7', '110.1', '0.5')
    """
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    digits = repr(float(value))
    if single:
        shorter = (f"{value:.{count}g}" for count in range(1, 10))
        digits = next((text for text in shorter if struct.pack("f", float(text)) == struct.pack("f", value)), digits)
    sign, magnitude = ("-" if digits.startswith("-") else ""), abs(float(digits))
    if magnitude == 0 or 1e-3 <= magnitude < 1e7:
        plain = f"{float(digits):f}" if "e" in digits else digits
        plain = plain.rstrip("0") if "e" in digits else plain
        return plain + "0" if plain.endswith(".") else plain if "." in plain else plain + ".0"
    mantissa, _, exponent = f"{magnitude!r}".partition("e")
    if not exponent:
        exponent = str(len(mantissa.split(".")[0]) - 1)
        mantissa = mantissa.replace(".", "").rstrip("0") or "0"
        mantissa = f"{mantissa[0]}.{mantissa[1:] or '0'}"
    return f"{sign}{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


class SqlTimeTypeInfo(TypeInformation):
    """Dates, times of day and timestamps of `datetime`."""

    @staticmethod
    def DATE() -> DateTypeInfo:
        return DateTypeInfo()

    @staticmethod
    def TIME() -> TimeTypeInfo:
        return TimeTypeInfo()

    @staticmethod
    def TIMESTAMP() -> TimestampTypeInfo:
        return TimestampTypeInfo()


class _DatetimeTypeInfo(TypeInformation):
    _class = ""

    def _description(self):
        return ("instance", "datetime", self._class)

    def __repr__(self):
        return type(self).__name__


class DateTypeInfo(_DatetimeTypeInfo):
    _class = "date"


class TimeTypeInfo(_DatetimeTypeInfo):
    _class = "time"


class TimestampTypeInfo(_DatetimeTypeInfo):
    _class = "datetime"


class LocalTimeTypeInfo(TypeInformation):
    """As `SqlTimeTypeInfo`."""

    class TimeType(Enum):
        LOCAL_DATE = 0
        LOCAL_TIME = 1
        LOCAL_DATE_TIME = 2

    def __init__(self, time_type: LocalTimeTypeInfo.TimeType):
        self._time_type = time_type

    def _description(self):
        return ("instance", "datetime", ("date", "time", "datetime")[self._time_type.value])

    def __repr__(self):
        return self._time_type.name


class PickledBytesTypeInfo(TypeInformation):
    """Any object. Nothing is pickled here: the name is PyFlink's."""

    def _description(self):
        return ("anything",)

    def __repr__(self):
        return "PickledByteArrayTypeInfo"


class _ArrayTypeInfo(TypeInformation):
    def __init__(self, element_type: TypeInformation):
        self._element_type = _checked(element_type)

    def _description(self):
        return ("list", self._element_type._description())

    def _text(self, value):
        return f"[{', '.join(map(self._element_type._text, value))}]"

    def __repr__(self):
        return f"{type(self).__name__}<{self._element_type!r}>"


class PrimitiveArrayTypeInfo(_ArrayTypeInfo):
    """Arrays of numbers; of bytes, `bytes`."""

    def _description(self):
        if self._element_type == Types.BYTE():
            return ("bytes",)
        return super()._description()

    def _text(self, value):
        return str(value) if self._description() == ("bytes",) else super()._text(value)


class BasicArrayTypeInfo(_ArrayTypeInfo):
    """Arrays of basic types."""


class ObjectArrayTypeInfo(_ArrayTypeInfo):
    """Arrays of anything."""


class ListTypeInfo(_ArrayTypeInfo):
    """Lists."""


class MapTypeInfo(TypeInformation):
    """Dictionaries."""

    def __init__(self, key_type_info: TypeInformation, value_type_info: TypeInformation):
        self._key_type_info = _checked(key_type_info)
        self._value_type_info = _checked(value_type_info)

    def _description(self):
        return ("map", self._key_type_info._description(), self._value_type_info._description())

    def _text(self, value):
        text, of_value = self._key_type_info._text, self._value_type_info._text
        return "{" + ", ".join(f"{text(key)}={of_value(item)}" for key, item in value.items()) + "}"

    def __repr__(self):
        return f"MapTypeInfo<{self._key_type_info!r}, {self._value_type_info!r}>"


class TupleTypeInfo(TypeInformation):
    """Tuples of a fixed length."""

    def __init__(self, field_types: list[TypeInformation]):
        self._field_types = [_checked(field) for field in field_types]

    def get_field_types(self) -> list[TypeInformation]:
        return self._field_types

    def _description(self):
        return ("tuple", [field._description() for field in self._field_types])

    def _text(self, value):
        return f"({','.join(field._text(item) for field, item in zip(self._field_types, value, strict=True))})"

    def __repr__(self):
        return f"TupleTypeInfo({', '.join(map(repr, self._field_types))})"


class RowTypeInfo(TypeInformation):
    """Rows; their fields have the names ``f0``, ``f1``, … unless they are given."""

    def __init__(self, field_types: list[TypeInformation], field_names: list[str] | None = None):
        self.field_types = [_checked(field) for field in field_types]
        if field_names is not None and len(field_names) != len(field_types):
            raise ValueError(f"{len(field_names)} names are given for {len(field_types)} fields")
        self._names = None if field_names is None else list(field_names)

    @property
    def field_names(self) -> list[str]:
        return self._names or [f"f{index}" for index in range(len(self.field_types))]

    def get_field_names(self) -> list[str]:
        return self.field_names

    def get_field_index(self, field_name: str) -> int:
        return self.field_names.index(field_name)

    def get_field_types(self) -> list[TypeInformation]:
        return self.field_types

    def _description(self):
        return ("row", self.field_names, [field._description() for field in self.field_types])

    def _text(self, value):
        return f"{value.get_row_kind()}[{','.join(map(str, value))}]"

    def __repr__(self):
        fields = zip(self.field_names, self.field_types, strict=True)
        return f"RowTypeInfo({', '.join(f'{name}: {field!r}' for name, field in fields)})"


class ExternalTypeInfo(TypeInformation):
    """A type that a table gave."""

    def __init__(self, type_info: TypeInformation):
        self._type_info = _checked(type_info)

    def _description(self):
        return self._type_info._description()

    def _text(self, value):
        return self._type_info._text(value)

    def __repr__(self):
        return f"ExternalTypeInfo<{self._type_info!r}>"


def _checked(type_info) -> TypeInformation:
    if not isinstance(type_info, TypeInformation):
        raise TypeError(f"a type is {type_info!r}; give one of `Types`, as `Types.STRING()`")
    return type_info


class Types:
    """The types of records, by name."""

    STRING = BasicTypeInfo.STRING_TYPE_INFO
    BYTE = BasicTypeInfo.BYTE_TYPE_INFO
    BOOLEAN = BasicTypeInfo.BOOLEAN_TYPE_INFO
    SHORT = BasicTypeInfo.SHORT_TYPE_INFO
    INT = BasicTypeInfo.INT_TYPE_INFO
    LONG = BasicTypeInfo.LONG_TYPE_INFO
    FLOAT = BasicTypeInfo.FLOAT_TYPE_INFO
    DOUBLE = BasicTypeInfo.DOUBLE_TYPE_INFO
    CHAR = BasicTypeInfo.CHAR_TYPE_INFO
    BIG_INT = BasicTypeInfo.BIG_INT_TYPE_INFO
    BIG_DEC = BasicTypeInfo.BIG_DEC_TYPE_INFO
    INSTANT = BasicTypeInfo.INSTANT_TYPE_INFO
    SQL_DATE = SqlTimeTypeInfo.DATE
    SQL_TIME = SqlTimeTypeInfo.TIME
    SQL_TIMESTAMP = SqlTimeTypeInfo.TIMESTAMP

    @staticmethod
    def PICKLED_BYTE_ARRAY() -> TypeInformation:
        """Any object, which is what a stream has without a declared type."""
        return PickledBytesTypeInfo()

    @staticmethod
    def ROW(field_types: list[TypeInformation]) -> TypeInformation:
        return RowTypeInfo(field_types)

    @staticmethod
    def ROW_NAMED(field_names: list[str], field_types: list[TypeInformation]) -> TypeInformation:
        return RowTypeInfo(field_types, field_names)

    @staticmethod
    def TUPLE(field_types: list[TypeInformation]) -> TypeInformation:
        return TupleTypeInfo(field_types)

    @staticmethod
    def PRIMITIVE_ARRAY(element_type: TypeInformation) -> TypeInformation:
        return PrimitiveArrayTypeInfo(element_type)

    @staticmethod
    def BASIC_ARRAY(element_type: TypeInformation) -> TypeInformation:
        return BasicArrayTypeInfo(element_type)

    @staticmethod
    def OBJECT_ARRAY(element_type: TypeInformation) -> TypeInformation:
        return ObjectArrayTypeInfo(element_type)

    @staticmethod
    def MAP(key_type_info: TypeInformation, value_type_info: TypeInformation) -> TypeInformation:
        return MapTypeInfo(key_type_info, value_type_info)

    @staticmethod
    def LIST(element_type_info: TypeInformation) -> TypeInformation:
        return ListTypeInfo(element_type_info)
