"""Descriptors: what bodies they read, and what they write."""

import dataclasses
import io
import json

import numpy
import pandas
import pytest

import riverrun.io
from riverrun.exceptions import BadInput, BadInputType, NotSupported
from riverrun.io import JSON, File, Image, Multipart, NumpyNdarray, PandasDataFrame, Text
from riverrun.io.base import Body
from riverrun.io.form import Part, read_form, write_form


@pytest.mark.parametrize("text", ["", "fine", "grün 🌊\0", "a" * 100_000])
def test_texts_come_back(text):
    assert Text().read(Text().write(text)) == text


def test_json_knows_the_types_of_others():
    @dataclasses.dataclass
    class Point:
        x: int

    value = {"point": Point(1), "array": numpy.eye(2), "number": numpy.float32(0.5), "table": pandas.DataFrame({"a": [1]})}

    assert JSON().read(JSON().write(value)) == {
        "point": {"x": 1},
        "array": [[1.0, 0.0], [0.0, 1.0]],
        "number": 0.5,
        "table": {"a": {"0": 1}},
    }
    for unfit in (object(), float("inf"), {"a": {1, 2}}):
        with pytest.raises((TypeError, ValueError)):
            JSON().write(unfit)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float32", "int8", "U3", "bool", ">i4"])
def test_arrays_of_numpys_own_format_are_read(dtype, order):
    array = numpy.asarray([[1, 0, 1], [0, 1, 1]]).astype(dtype, order=order)
    file = io.BytesIO()
    numpy.save(file, array)

    read = NumpyNdarray().read(Body(file.getvalue(), "application/x-npy"))

    assert read.dtype == array.dtype and numpy.array_equal(read, array)
    read[0, 0] = 0


def npy(array):
    file = io.BytesIO()
    numpy.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[[1], [2, 3]]", "different lengths"),
        (b'[{"a": 1}]', "not an array"),
        (b"[1, null]", "not an array"),
        (npy(numpy.array([object()])), "pickles"),
        (npy(numpy.ones(4))[:-1], "32 bytes long, and the body has 31"),
        (npy(numpy.ones(4)).replace(b"(4,)", b"(9,)"), "72 bytes long"),
        (npy(numpy.ones(4)).replace(b"(4,)", b"(-4)"), "NumPy's format"),
        (b"\x93NUMPY", "NumPy's format"),
    ],
)
def test_what_is_no_array_is_refused(body, said):
    with pytest.raises(BadInput, match=said):
        NumpyNdarray().read(Body(body))


def test_shapes_and_types_are_enforced_where_asked():
    strict = NumpyNdarray(dtype="int32", enforce_dtype=True, shape=(-1, 2), enforce_shape=True)

    assert strict.read(Body(b"[[1, 2]]")).dtype == "int32"
    for body in (b"[1, 2]", b"[[1.5, 2.5]]", b'[["a", "b"]]'):
        with pytest.raises(BadInput, match="wanted"):
            strict.read(Body(body))
    assert NumpyNdarray(shape=(2, -1)).read(Body(b"[1, 2, 3, 4]")).shape == (2, 2)
    assert NumpyNdarray.from_sample(numpy.ones((3, 2), "float32")).openapi_schema()["items"]["items"] == {"type": "number"}


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_tables_of_each_form_are_read(form):
    table = pandas.DataFrame({"name": ["a", "b"], "value": [1.5, 2.5]})
    content, kind = {
        "json": (table.to_json(orient="records").encode(), "application/json"),
        "csv": (table.to_csv(index=False).encode(), "text/csv; charset=utf-8"),
        "parquet": (table.to_parquet(), "application/octet-stream"),
    }[form]

    assert PandasDataFrame().read(Body(content, kind)).equals(table)
    written = PandasDataFrame(default_format=form).write(table)
    assert written.content_type == kind.partition(";")[0] and written.content
    with pytest.raises(BadInput, match="not a table"):
        PandasDataFrame().read(Body(b"\xff{", kind))


def test_tables_are_checked():
    table = Body(b'[{"a": 1, "b": 2}]', "application/json")

    with pytest.raises(BadInput, match="columns"):
        PandasDataFrame(columns=["x"], apply_column_names=True).read(table)
    with pytest.raises(BadInput, match="shape"):
        PandasDataFrame(shape=(2, 2), enforce_shape=True).read(table)
    assert list(PandasDataFrame(columns=["x", "y"], apply_column_names=True).read(table).columns) == ["x", "y"]


def image(form="PNG", size=(8, 4)):
    from PIL import Image as Pillow

    file = io.BytesIO()
    Pillow.new("RGB", size, "red").save(file, form)
    return file.getvalue()


def test_images_are_read_and_bombs_refused(monkeypatch):
    from PIL import Image as Pillow

    assert Image().read(Body(image("JPEG"), "image/jpeg")).size == (8, 4)
    # What it says it is does not matter.
    assert Image().read(Body(image("GIF"), "image/png")).format == "GIF"
    assert Image().write(numpy.zeros((2, 3, 3), "uint8")).content_type == "image/jpeg"
    with pytest.raises(BadInput, match="cannot be decoded"):
        Image().read(Body(image(size=(100, 100))[:-40], "image/png"))
    with pytest.raises(BadInput, match="does not read `text/plain`"):
        Image().read(Body(image(), "text/plain"))
    with pytest.raises(BadInput, match="does not read `image/png`"):
        Image(allowed_mime_types=["image/jpeg"]).read(Body(image(), "image/png"))
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(BadInput, match="pixels"):
        Image().read(Body(image(), "image/png"))


def test_the_first_file_of_a_form_is_the_file():
    form = write_form(
        [
            Part("note", Body(b"not a file", "text/plain")),
            Part("upload", Body(image(), "image/png", "a.png")),
            Part("report", Body(b"%PDF", "application/pdf", 'r "1".pdf')),
        ]
    )

    assert Image().read(form).size == (8, 4)
    assert File().read(form).read() == image()
    pdf = File(mime_type="application/pdf").read(form)
    assert pdf.read() == b"%PDF"
    assert [part.name for part in read_form(form)] == ["note", "upload", "report"]
    with pytest.raises(BadInput, match="files of the type `image/png`, `application/pdf`"):
        File(mime_type="text/csv").read(form)


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"", "multipart/form-data", "no boundary"),
        (b"", "multipart/form-data; boundary=x", "none of the boundaries"),
        (b"--x\r\n\r\nnameless\r\n--x--", "multipart/form-data; boundary=x", "part 0 of the form has no name"),
        (b"--x\r\nContent-Disposition: form-data; name=a", "multipart/form-data; boundary=x", "no end of its headers"),
        (b"--x\r\n" * 1003, "multipart/form-data; boundary=x", "more than 1000 parts"),
    ],
)
def test_damaged_forms_are_refused(body, kind, said):
    with pytest.raises(BadInput, match=said):
        Multipart(a=Text()).read(Body(body, kind))


def test_parts_are_checked_one_by_one():
    form = write_form([Part("a", Body(b"{", "application/json")), Part("b", Body(b"x"))])

    with pytest.raises(BadInput, match="part `a` of the form: the body is not JSON"):
        Multipart(a=JSON(), b=Text()).read(form)
    with pytest.raises(BadInput, match="no part `c`; of parts there is `a`, `b`"):
        Multipart(c=Text()).read(form)
    both = Multipart(a=JSON(), b=Text()).write({"a": [1], "b": "x"})
    assert Multipart(a=JSON(), b=Text()).read(both) == {"a": [1], "b": "x"}


def test_wrong_descriptors_are_refused_where_they_are_made():
    for wrong in [
        lambda: Text("text/event-stream"),
        lambda: JSON(pydantic_model=dict),
        lambda: NumpyNdarray(dtype="no such type"),
        lambda: NumpyNdarray(enforce_shape=True),
        lambda: PandasDataFrame(default_format="xml"),
        lambda: Image(pilmode="no such mode"),
        lambda: Image(mime_type="text/plain"),
        lambda: File(kind="text"),
        lambda: Multipart(a=Multipart()),
        lambda: Multipart(a=str),
        lambda: riverrun.io.PandasSeries,
    ]:
        with pytest.raises((BadInput, BadInputType, NotSupported)):
            wrong()
