"""Whole columns in one call: pandas, Polars, Arrow, NumPy. None of them is imported but by who has a column of it."""

from __future__ import annotations

import array
from typing import Any

from riverrun import _native
from riverrun.conventions import Output
from riverrun.exceptions import BadInput, BadInputType
from riverrun.progress import Progress

__all__: list[str] = []

# Long enough that all cores are busy, short enough that a person sees it move and Ctrl-C leaves little half done.
_CHUNK = 1024

_KINDS = {"pandas": ("Series",), "polars": ("Series",), "pyarrow": ("Array", "ChunkedArray"), "numpy": ("ndarray",)}


def is_column(value: Any) -> bool:
    """Whether it is a column; a table of these packages is an error."""
    package = _package(value)
    if package not in _KINDS:
        return False
    names = [base.__name__ for base in type(value).__mro__]
    if any(kind in names for kind in _KINDS[package]):
        return True
    if "DataFrame" in names or "Table" in names or "RecordBatch" in names:
        raise BadInputType(f"a table of {package} has several columns; give the one with the texts")
    return False


def classified(runner: _native.TextClassificationRunner, column: Any, output: Output, progress: bool | None) -> Any:
    """The labels and scores of a column, in a table of the same package."""
    values = _values(column)
    places = [place for place, value in enumerate(values) if value is not None]
    texts = values if len(places) == len(values) else [values[place] for place in places]
    best = output.legacy and output.top_k == 1
    names: list[str] = []
    codes, scores, lists = array.array("i"), array.array("f"), []
    with Progress(len(texts), "texts", progress) as shown:
        for start in range(0, len(texts), _CHUNK):
            chunk = texts[start : start + _CHUNK]
            try:
                if best:
                    found, some_codes, some_scores = runner.run_columns(chunk, output.function_to_apply)
                    _append(codes, some_codes, found, names)
                    scores.frombytes(some_scores)
                else:
                    for labels in runner.run_batch(chunk, output.asked, output.function_to_apply):
                        lists.append(output.of(labels, None))
            except BadInput as error:
                if start and error.args and str(error.args[0]).startswith("item "):
                    raise type(error)(_moved(str(error.args[0]), start)) from error.__cause__
                raise
            shown.advance(len(chunk))
    if best:
        if len(places) < len(values):
            codes, scores = _spread(codes, places, len(values), -1), _spread(scores, places, len(values), float("nan"))
        return _table(column, names, codes, scores)
    if len(places) < len(values):
        spread: list[Any] = [None] * len(values)
        for place, labels in zip(places, lists):
            spread[place] = labels
        lists = spread
    return _lists(column, lists)


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _values(column: Any) -> list[Any]:
    package = _package(column)
    if package == "pyarrow":
        return column.to_pylist()
    if package == "polars":
        return column.to_list()
    if package == "numpy" and column.ndim != 1:
        raise BadInput(f"a column has one dimension; this array has the shape {column.shape}")
    values = column.tolist() if package in ("pandas", "numpy") else list(column)
    # NaN, NaT and NA are what is missing: none of them equals itself for sure.
    return [None if value is None or not isinstance(value, (str, dict, list)) and _missing(value) else value for value in values]


def _missing(value: Any) -> bool:
    return type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)


def _append(codes: array.array[int], some: bytes, found: list[str], names: list[str]) -> None:
    """Adds a chunk's codes, which are places in `found`, as places in `names`."""
    for name in found:
        if name not in names:
            names.append(name)
    chunk = array.array("i")
    chunk.frombytes(some)
    if found == names[: len(found)]:
        codes.extend(chunk)
    else:
        place = [names.index(name) for name in found]
        codes.extend(place[code] for code in chunk)


def _spread(values: array.array[Any], places: list[int], length: int, missing: Any) -> array.array[Any]:
    spread = array.array(values.typecode, [missing]) * length
    for place, value in zip(places, values):
        spread[place] = value
    return spread


def _moved(message: str, start: int) -> str:
    word, number, rest = message.replace(":", " :", 1).split(" ", 2) if ":" in message else message.split(" ", 2)
    return f"{word} {int(number) + start} {rest}".replace(" :", ":", 1)


def _table(column: Any, names: list[str], codes: array.array[int], scores: array.array[float]) -> Any:
    package = _package(column)
    if package == "pandas":
        import numpy
        import pandas

        labels = pandas.Categorical.from_codes(numpy.frombuffer(codes, dtype=numpy.int32), names)
        # The buffers are shared, not copied.
        return pandas.DataFrame({"label": labels, "score": numpy.frombuffer(scores, dtype=numpy.float32)}, index=column.index)
    if package == "polars":
        import polars

        texts = [names[code] if code >= 0 else None for code in codes]
        known = [None if code < 0 else score for code, score in zip(codes, scores)] if -1 in codes else scores
        return polars.DataFrame(
            {"label": polars.Series(texts, dtype=polars.String), "score": polars.Series(known, dtype=polars.Float32)}
        )
    if package == "pyarrow":
        import pyarrow

        if -1 in codes:
            indices = pyarrow.array([None if code < 0 else code for code in codes], pyarrow.int32())
            values = pyarrow.array([None if code < 0 else score for code, score in zip(codes, scores)], pyarrow.float32())
        else:
            indices = pyarrow.Array.from_buffers(pyarrow.int32(), len(codes), [None, pyarrow.py_buffer(codes)])
            values = pyarrow.Array.from_buffers(pyarrow.float32(), len(scores), [None, pyarrow.py_buffer(scores)])
        labels = pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(names, pyarrow.string()))
        return pyarrow.table({"label": labels, "score": values})
    import numpy

    longest = max((len(name) for name in names), default=1)
    table = numpy.empty(len(codes), dtype=[("label", f"U{longest}"), ("score", "f4")])
    # The last name stands for what is missing, whose code is -1.
    table["label"] = numpy.array([*names, ""])[numpy.frombuffer(codes, dtype=numpy.int32)] if len(codes) else []
    table["score"] = numpy.frombuffer(scores, dtype=numpy.float32) if len(scores) else []
    return table


def _lists(column: Any, lists: list[Any]) -> Any:
    package = _package(column)
    if package == "pandas":
        import pandas

        return pandas.Series(lists, index=column.index, name=column.name, dtype=object)
    if package == "polars":
        import polars

        item = polars.Struct({"label": polars.String, "score": polars.Float64})
        return polars.Series(column.name, lists, dtype=polars.List(item))
    if package == "pyarrow":
        import pyarrow

        item = pyarrow.struct([("label", pyarrow.string()), ("score", pyarrow.float64())])
        return pyarrow.array(lists, pyarrow.list_(item))
    import numpy

    results = numpy.empty(len(lists), dtype=object)
    results[:] = lists
    return results
