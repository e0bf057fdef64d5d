"""Declared types, rows, what is stored, and keys."""

import dataclasses
import datetime
import decimal
import enum
import io
import json
import pathlib
import typing
import uuid
import zoneinfo

import numpy
import pytest

from riverrun import _native
from riverrun.common import Instant, Row, RowKind, Types, TypeSerializer
from riverrun.datastream import serializers

from programs import WORKSPACE, results


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5
    norm: float = dataclasses.field(init=False, default=0.0)


class Color(enum.Enum):
    RED = 1


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Mode(enum.IntFlag):
    R = 4
    W = 2


Renamed = enum.Enum("Elsewhere", "A")


class Pair(typing.NamedTuple):
    left: int
    right: str


SAMPLES = [
    None,
    True,
    0,
    -(2**63),
    2**64,
    -(10**50),
    1.5,
    float("inf"),
    "text",
    "\ud800",
    b"bytes",
    bytearray(b"more"),
    [1, [2]],
    (1, (2,)),
    {1, "a"},
    frozenset({1}),
    {"k": {1: None}, (1, 2): []},
    datetime.date(2026, 1, 2),
    datetime.time(1, 2, 3, 4),
    datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
    datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
    datetime.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    datetime.timedelta(days=-1, microseconds=3),
    decimal.Decimal("1.10"),
    uuid.UUID(int=5),
    1 + 2j,
    Instant(1, 2),
    Row(1, "a"),
    Row.of_kind(RowKind.DELETE, id=1, inner=Row(None)),
    Point(1, 2.5),
    Color.RED,
    Access.READ,
    Access.READ | Access.WRITE,
    Access(0),
    Mode.R | Mode.W | 1,
    Pair(1, "a"),
]


@pytest.mark.parametrize("value", SAMPLES, ids=repr)
def test_what_is_stored_comes_back_the_same(value):
    back = serializers.loads(serializers.dumps(value))

    assert back == value and type(back) is type(value)


def test_a_not_a_number_and_numpy_come_back_the_same():
    arrays = [
        numpy.arange(6, dtype="<i2").reshape(2, 3),
        numpy.zeros((0, 3)),
        numpy.array([1.5, numpy.nan], dtype=">f4"),
        numpy.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        numpy.array(["a", "bc"]),
    ]
    for array in arrays:
        back = serializers.loads(serializers.dumps(array))
        assert back.dtype == array.dtype and back.shape == array.shape and back.tobytes() == array.tobytes()
        back[...] = array
    scalar = serializers.loads(serializers.dumps(numpy.float32(1.5)))
    assert scalar == 1.5 and scalar.dtype == numpy.float32
    nan = serializers.loads(serializers.dumps(float("nan")))
    assert nan != nan


def test_numpy_of_objects_local_classes_and_plain_classes_are_a_type_error():
    @dataclasses.dataclass
    class Local:
        x: int

    for value in (numpy.array([object()]), Local(1), object(), print):
        with pytest.raises(TypeError, match="stored|found again"):
            serializers.dumps(value)


class Farther(Point):
    """No dataclass of its own."""


def test_what_would_come_back_as_something_else_is_a_type_error():
    padded = numpy.zeros(2, numpy.dtype([("a", "i1"), ("b", "i8")], align=True))
    records = numpy.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    values = [
        numpy.ma.masked_array([1, 2], mask=[True, False]),
        numpy.asmatrix([[1, 2]]),
        records,
        records[0],
        padded,
        padded[0],
        Point,
        Farther(1),
        Renamed.A,
    ]
    for value in values:
        with pytest.raises(TypeError, match="stored|found again"):
            serializers.dumps(value)


class Version:
    def __init__(self, text):
        self.text = text


def test_a_class_is_stored_as_it_was_registered():
    class Serializer(TypeSerializer):
        def serialize(self, element, stream):
            stream.write(element.text.encode())

        def deserialize(self, stream):
            return Version(stream.read().decode())

    serializers.register(Version, Serializer())
    assert serializers.loads(serializers.dumps([Version("1.2")]))[0].text == "1.2"
    serializers.register(Version, to=lambda version: version.text, of=Version, name="version")
    assert serializers.loads(serializers.dumps(Version("3"))).text == "3"
    with pytest.raises(TypeError, match="there and back"):
        serializers.register(Version, to=str)
    assert isinstance(io.BytesIO(), io.BytesIO)


def test_stored_bytes_that_are_none_are_refused():
    with pytest.raises(ValueError, match="not a stored value"):
        serializers.loads(b"\xc1")


def test_declared_types_check_and_convert():
    row = Types.ROW_NAMED(["id", "tags"], [Types.INT(), Types.LIST(Types.STRING())])

    made = row.check((1, ["a"]))
    assert (made.id, made.tags) == (1, ["a"])
    assert row.check({"id": 1}) == Row(id=1, tags=None)
    assert row.check(Row(tags=["b"], id=2)).id == 2
    assert Types.FLOAT().check(110.1) == 110.0999984741211
    assert Types.DOUBLE().check(1) == 1.0 and isinstance(Types.DOUBLE().check(1), float)
    assert Types.TUPLE([Types.INT(), Types.STRING()]).check([1, "a"]) == (1, "a")
    assert Types.LONG().check(numpy.int64(5)) == 5
    assert Types.MAP(Types.STRING(), Types.INT()).check({"a": 1}) == {"a": 1}
    assert Types.PRIMITIVE_ARRAY(Types.BYTE()).check(b"ab") == b"ab"
    assert Types.SQL_DATE().check(datetime.date(2026, 1, 1)) == datetime.date(2026, 1, 1)
    assert Types.PICKLED_BYTE_ARRAY().check(print) is print


@pytest.mark.parametrize(
    ("type_info", "value"),
    [
        (Types.STRING(), 1),
        (Types.INT(), 1.5),
        (Types.BYTE(), 128),
        (Types.BOOLEAN(), 1),
        (Types.DOUBLE(), "1.5"),
        (Types.CHAR(), "ab"),
        (Types.LIST(Types.INT()), "12"),
        (Types.TUPLE([Types.INT()]), 1),
        (Types.MAP(Types.INT(), Types.INT()), [1]),
        (Types.SQL_TIMESTAMP(), datetime.date(2026, 1, 1)),
        (Types.BIG_DEC(), 1.5),
    ],
    ids=repr,
)
def test_a_value_of_another_type_is_refused_with_both_named(type_info, value):
    with pytest.raises((TypeError, OverflowError), match="declared as"):
        type_info.check(value)


def test_a_stream_of_rows_has_fields_by_name(env):
    people = env.from_collection([("Alice", 11)], Types.ROW_NAMED(["name", "age"], [Types.STRING(), Types.INT()]))

    assert results(people.map(lambda row: (row.name, row["age"], row[0]))) == [("Alice", 11, "Alice")]


def test_tuples_are_projected(env):
    triples = env.from_collection([(1, "a", 2.5)], Types.TUPLE([Types.INT(), Types.STRING(), Types.DOUBLE()]))

    assert results(triples.project(2, 0)) == [(2.5, 1)]


def test_a_key_that_is_too_deep_is_a_type_error():
    def nested(depth, key=()):
        for _ in range(depth):
            key = (key,)
        return key

    assert _native.key_group(nested(190)) == _native.key_group(nested(190))
    for key in (nested(201), nested(100_000), nested(150, frozenset([nested(150)]))):
        with pytest.raises(TypeError, match="deep"):
            _native.key_group(key)


def test_keys_fall_into_the_groups_that_all_languages_share():
    golden = WORKSPACE / "crates" / "riverrun-stream" / "tests" / "golden" / "key_groups.json"
    vectors = json.loads(pathlib.Path(golden).read_text())
    assert len(vectors) > 5

    for vector in vectors:
        key = tuple(vector["key"]) if isinstance(vector["key"], list) else vector["key"]
        for max_parallelism, group in vector["key_group"].items():
            assert _native.key_group(key, int(max_parallelism)) == group, vector
