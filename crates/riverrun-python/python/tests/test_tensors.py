"""ONNX models over tensors and tree ensembles over rows: the libraries' own numbers, and what is wrong with a tensor by its name."""

import asyncio
import json
import pickle

import numpy
import pandas
import polars
import pyarrow
import pytest

import riverrun
from riverrun.exceptions import AlreadyExists, BadInput, BadInputType, ModelError, StateError


@pytest.fixture(scope="module")
def net():
    runner = riverrun.onnx.get("net").to_runner()
    runner.init_local()
    return runner


def test_arrays_go_in_and_come_out_by_name_or_by_place(net):
    left, right = numpy.arange(6, dtype="f4").reshape(2, 3), numpy.ones((2, 3), "f4")

    outputs = net.run(left, right)

    assert {name: str(array.dtype) for name, array in outputs.items()} == {"sum": "float32", "best": "int64", "more": "bool"}
    assert (outputs["sum"] == left + right).all() and (outputs["more"] == (left > right)).all()
    assert all(array.flags.writeable for array in outputs.values())
    for again in (net.run({"left": left, "right": right}), net.run(left, right=right), net.predict.run(right=right, left=left), net.run.run(left, right)):
        assert (again["sum"] == outputs["sum"]).all()
    assert (asyncio.run(net.async_run(left, right))["sum"] == outputs["sum"]).all()
    assert net.inputs == {"left": ("FP32", [-1, -1]), "right": ("FP32", [-1, -1])}


def test_lists_wider_arrays_and_views_become_what_the_model_takes(net):
    wide = numpy.arange(12, dtype="f8").reshape(3, 4)
    assert (net.run(wide.T, wide.T.astype("f4"))["sum"] == 2 * wide.T).all()
    assert net.run([[1, 2]], [[0.5, 0.5]])["sum"].tolist() == [[1.5, 2.5]]
    nothing = net.run(numpy.zeros((0, 3), "f4"), numpy.zeros((0, 3), "f4"))
    assert {name: len(array) for name, array in nothing.items()} == {"sum": 0, "best": 0, "more": 0}


@pytest.mark.parametrize(
    ("arguments", "options", "problem"),
    [
        (([[1.0]],), {}, "`right` is missing"),
        (([[1.0]], [[1.0]], [[1.0]]), {}, "3 tensors"),
        (([[1.0]], [[1.0]]), {"left": [[1.0]]}, "by place and by name"),
        (([[1.0]],), {"rigth": [[1.0]]}, "`right` is missing"),
        (([[1.0]], [[1.0]]), {"other": [[1.0]]}, "no tensor `other`"),
        (([1.0], [[1.0]]), {}, r"`left` has the shape \[1\]"),
        ((numpy.ones((1, 1), "i8"), [[1.0]]), {}, "`left` is of int64; the model takes FP32"),
        ((numpy.ones((1, 1), "c8"), [[1.0]]), {}, "complex64"),
        (([["a"]], [[1.0]]), {}, "left"),
        (([[1.0], [1.0, 2.0]], [[1.0]]), {}, "`left` cannot become an array"),
        (([[1.0, 2.0]], [[1.0], [2.0]]), {}, "left|right|items"),
    ],
)
def test_what_is_wrong_with_a_tensor_is_said_by_its_name(net, arguments, options, problem):
    with pytest.raises(BadInput, match=problem):
        net.run(*arguments, **options)


def test_none_and_objects_are_no_tensors(net):
    with pytest.raises(BadInputType, match="`left` is None"):
        net.run(None, [[1.0]])
    with pytest.raises(TypeError, match="`left`"):
        net.run([[object()]], [[1.0]])
    with pytest.raises(StateError, match="not initialised"):
        riverrun.onnx.get("net").to_runner().run([[1.0]], [[1.0]])
    with pytest.raises(StateError, match="already"):
        net.init_local()


def test_a_runner_of_tensors_travels(net):
    assert pickle.loads(pickle.dumps(net)).run([[1.0]], [[2.0]])["sum"] == 3


TREES = ["lightgbm-binary.txt", "lightgbm-multiclass.txt", "xgboost-binary.ubj", "xgboost-binary-json.json", "xgboost-dart.ubj"]


@pytest.fixture(scope="module")
def trees(fixtures):
    directory = fixtures.parents[2] / "riverrun-tabular" / "tests" / "fixtures"

    def make(name):
        model = riverrun.models.import_model(directory / name)
        recorded = json.loads((directory / f"{name.partition('.')[0]}.expected.json").read_text())
        rows = numpy.array(recorded["rows"], dtype="f8")
        runner = model.to_runner()
        runner.init_local()
        return runner, rows, numpy.squeeze(numpy.array(recorded["predictions"], dtype="f8"))

    return make


@pytest.mark.parametrize("name", TREES)
def test_rows_get_the_predictions_of_the_library(name, trees):
    runner, rows, expected = trees(name)

    found = runner.run(rows)

    numpy.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    numpy.testing.assert_array_equal(runner.run(rows[3]), found[3])
    numpy.testing.assert_array_equal(runner.run([list(row) for row in rows]), found)
    numpy.testing.assert_array_equal(asyncio.run(runner.async_run(rows)), found)
    assert len(runner.run(rows[:0])) == 0


def test_tables_are_taken_by_the_features_names_whatever_their_order(trees):
    runner, rows, _ = trees("lightgbm-binary.txt")
    names = runner._native.feature_names()
    table = pandas.DataFrame(rows, columns=names)
    expected = runner.run(rows)

    other = table[names[::-1]].assign(more=1)
    for given in (table, other, polars.from_pandas(other), pyarrow.Table.from_pandas(other)):
        numpy.testing.assert_array_equal(runner.run(given), expected)
    assert runner.run({names[0]: 0.5}) == runner.run([0.5] + [float("nan")] * (len(names) - 1))
    with pytest.raises(BadInput, match=f"no column `{names[2]}`"):
        runner.run(table.drop(columns=names[2]))
    with pytest.raises(BadInput, match="no feature `nobody`"):
        runner.run({"nobody": 1})


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [["a"] * 8], numpy.ones((1, 1, 8)), [[1.0] * 8, [1.0]], numpy.array(["x"] * 8)])
def test_rows_that_cannot_be_are_said(rows, trees):
    with pytest.raises(BadInput):
        trees("lightgbm-binary.txt")[0].run(rows)


def test_raw_scores_are_an_option(trees, fixtures):
    runner, rows, _ = trees("lightgbm-binary.txt")
    raw = runner.model.to_runner(raw_scores=True)
    raw.init_local()
    numpy.testing.assert_allclose(1 / (1 + numpy.exp(-raw.run(rows))), runner.run(rows), atol=1e-9)
    unknown = runner.model.to_runner(raw=True)
    with pytest.raises((BadInput, ModelError), match="raw_scores"):
        unknown.init_local()


def test_an_archive_carries_a_model_from_store_to_store(store, tmp_path, fixtures):
    model = riverrun.models.import_model(fixtures / "tasks" / "tokens-pieces", "ner:7", labels={"stage": "x"}, metadata={"f1": 0.5})
    archive = riverrun.models.export_model("ner", tmp_path / "ner.tar.zst")
    with pytest.raises(AlreadyExists):
        riverrun.models.export_model("ner", archive)
    assert riverrun.models.export_model("ner", archive, overwrite=True) == archive

    riverrun.models.delete(model.tag)
    again = riverrun.models.import_model(archive)
    assert (str(again.tag), again.labels, again.metadata, again.task) == ("ner:7", {"stage": "x"}, {"f1": 0.5}, model.task)
    assert str(riverrun.models.import_model(archive, "copy:1").tag) == "copy:1"

    cut = tmp_path / "cut.tar.zst"
    cut.write_bytes((tmp_path / "ner.tar.zst").read_bytes()[:2000])
    with pytest.raises(ModelError):
        riverrun.models.import_model(cut, "cut:1")
    assert sorted(str(one.tag) for one in riverrun.models.list()) == ["copy:1", "ner:7"]


def test_models_are_got_and_saved_by_what_made_them(store, fixtures, tmp_path):
    directory = fixtures.parents[2] / "riverrun-tabular" / "tests" / "fixtures"

    class Booster:
        def save_model(self, path):
            with open(path, "wb") as file:
                file.write((directory / "xgboost-binary.ubj").read_bytes())

    saved = riverrun.xgboost.save_model("income", Booster(), labels={"a": "b"})
    assert riverrun.xgboost.get("income") == saved and saved.labels == {"a": "b"}
    assert riverrun.lightgbm.import_model("other", directory / "lightgbm-binary.txt").format == "lightgbm"
    with pytest.raises(BadInput, match="xgboost, not lightgbm"):
        riverrun.lightgbm.get("income")
    with pytest.raises(BadInputType, match="not int"):
        riverrun.xgboost.save_model("income", 5)
