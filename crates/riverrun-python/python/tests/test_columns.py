"""Columns in one call."""

import io
import sys

import numpy
import pandas
import polars
import pyarrow
import pytest

import riverrun
from riverrun.exceptions import BadInput, BadInputType

TEXTS = [f"{word} {number}" for number in range(700) for word in ("What a lovely day", "This is awful", "A table has legs")]


@pytest.fixture(scope="module")
def pipe():
    return riverrun.pipeline(model="tweet-sentiment")


@pytest.fixture(scope="module")
def expected(pipe):
    return pipe(TEXTS)


def test_a_pandas_column_becomes_a_table_with_the_same_index(pipe, expected):
    column = pandas.Series(TEXTS, index=range(10, 10 + len(TEXTS)), name="text")

    table = pipe(column)

    assert list(table.columns) == ["label", "score"] and table.index.equals(column.index)
    assert table["label"].tolist() == [best["label"] for best in expected]
    assert table["score"].tolist() == [best["score"] for best in expected]
    assert table["score"].dtype == numpy.float32


def test_a_polars_column_becomes_a_table(pipe, expected):
    table = pipe(polars.Series("text", TEXTS))

    assert table.schema == {"label": polars.String, "score": polars.Float32}
    assert table.to_dicts() == expected


def test_an_arrow_column_becomes_a_table(pipe, expected):
    for column in (pyarrow.array(TEXTS), pyarrow.chunked_array([TEXTS[:5], TEXTS[5:]])):
        table = pipe(column)
        assert table.to_pylist() == expected


def test_a_numpy_column_becomes_a_structured_array(pipe, expected):
    for column in (numpy.array(TEXTS), numpy.array(TEXTS, dtype=object)):
        table = pipe(column)
        assert table["label"].tolist() == [best["label"] for best in expected]
        assert table["score"].tolist() == [best["score"] for best in expected]
    assert pipe.column(TEXTS)["score"].tolist() == [best["score"] for best in expected]


def test_what_is_missing_stays_missing(pipe):
    texts = ["What a lovely day", None, "This is awful"]

    frame = pipe(pandas.Series(["What a lovely day", float("nan"), pandas.NA, None, "This is awful"], dtype=object))
    assert frame["label"].isna().tolist() == [False, True, True, True, False]
    assert frame["score"].isna().tolist() == [False, True, True, True, False]
    assert pipe(polars.Series(texts))["label"].to_list() == ["positive", None, "negative"]
    assert pipe(polars.Series(texts))["score"].null_count() == 1
    assert pipe(pyarrow.array(texts))["label"].to_pylist() == ["positive", None, "negative"]
    assert pipe(pyarrow.array(texts))["score"].null_count == 1
    assert pipe(pyarrow.array(texts), top_k=1).to_pylist()[1] is None
    assert pipe(numpy.array(texts, dtype=object))["label"].tolist() == ["positive", "", "negative"]


def test_with_top_k_there_are_lists(pipe):
    expected = pipe(TEXTS[:5], top_k=2)

    assert pipe(pandas.Series(TEXTS[:5]), top_k=2).tolist() == expected
    assert pipe(polars.Series(TEXTS[:5]), top_k=2).to_list() == expected
    assert pipe(pyarrow.array(TEXTS[:5]), top_k=2).to_pylist() == expected
    assert pipe(numpy.array(TEXTS[:5]), top_k=2).tolist() == expected


def test_an_empty_column_becomes_an_empty_table(pipe):
    assert len(pipe(pandas.Series([], dtype=object))) == 0
    assert len(pipe(polars.Series([], dtype=polars.String))) == 0
    assert len(pipe(pyarrow.array([], pyarrow.string()))) == 0
    assert len(pipe(numpy.array([], dtype=str))) == 0


def test_what_is_no_column_of_texts_is_refused(pipe):
    with pytest.raises(BadInputType, match="several columns"):
        pipe(pandas.DataFrame({"a": TEXTS[:2]}))
    with pytest.raises(BadInputType, match="several columns"):
        pipe(polars.DataFrame({"a": TEXTS[:2]}))
    with pytest.raises(BadInput, match=r"\(2, 2\)"):
        pipe(numpy.array([["a", "b"], ["c", "d"]]))
    with pytest.raises(BadInputType, match="item 0 must be a str"):
        pipe(numpy.array([1, 2]))
    with pytest.raises(BadInput, match="item 1500 "):
        pipe(pandas.Series([*["a"] * 1500, "\ud800"]))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_shown_at_a_terminal_and_nowhere_else(pipe, monkeypatch):
    column = pandas.Series(TEXTS)

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    pipe(column)
    assert "2,100 of 2,100 texts" in terminal.getvalue() and terminal.getvalue().endswith("\n")

    monkeypatch.setattr(sys, "stderr", Terminal())
    pipe(column, progress=False)
    assert sys.stderr.getvalue() == ""

    monkeypatch.setattr(sys, "stderr", plain := io.StringIO())
    pipe(column)
    assert plain.getvalue() == ""
    pipe.column(column, progress=True)
    assert "100%" in plain.getvalue()
