"""`infer` takes runners of every kind: what they give for one item, for each record, in order or not."""

import numpy
import pandas
import pytest

import riverrun
from riverrun.datastream.exceptions import JobExecutionError
from riverrun.exceptions import BadInput, BadInputType, UnknownMethod

BOOSTER = "crates/riverrun-tabular/tests/fixtures/lightgbm-binary.txt"


@pytest.fixture(scope="module")
def entities():
    runner = riverrun.models.get("ner").to_runner()
    runner.init_local()
    return runner


@pytest.fixture(scope="module")
def net():
    return riverrun.onnx.get("net").to_runner()


@pytest.fixture(scope="module")
def trees(fixtures):
    runner = riverrun.models.import_model(fixtures.parents[3] / BOOSTER, "trees").to_runner()
    runner.init_local()
    return runner


class Own(riverrun.Runnable):
    @riverrun.Runnable.method(batchable=True)
    def double(self, numbers):
        return [2 * number for number in numbers]

    @riverrun.Runnable.method(batchable=True)
    def total(self, rows):
        return rows.sum(axis=1)

    @riverrun.Runnable.method(batchable=True, batch_dim=1)
    def columns(self, columns):
        return columns * 2

    @riverrun.Runnable.method(batchable=True)
    def spread(self, table):
        return table["high"] - table["low"]

    @riverrun.Runnable.method
    def word(self, number):
        return f"<{number}>"


def results(stream):
    return list(stream.execute_and_collect())


def test_records_come_out_with_their_results_in_order(env, entities):
    records = [(number, f"Angela Merkel lives in Berlin {number}") for number in range(300)]

    found = results(env.from_collection(records).infer(entities, lambda record: record[1]))

    assert [record for record, _ in found] == records
    assert found[7][1] == entities.run(records[7][1])
    unordered = env.from_collection(records).infer(entities.predict, lambda record: record[1], ordered=False, capacity=10)
    assert sorted(record for record, _ in results(unordered)) == records


def test_embeddings_are_arrays_as_those_of_the_runner(env, fixtures):
    runner = riverrun.models.import_model(fixtures / "tasks" / "embeddings", "infer-embeddings").to_runner()
    texts = ["Berlin is happy", "", "Paris"] * 10

    found = results(env.from_collection(texts).infer(runner))

    assert found[0][1].dtype == numpy.float32
    assert all((vector == runner.run(text)).all() for text, vector in found)


def test_tensors_of_one_item_have_no_dimension_for_items(env, net):
    records = [([n, 1.0], [2.0, n]) for n in range(50)]
    by_name = env.from_collection(records).infer(net, lambda record: {"left": record[0], "right": numpy.array(record[1], "f4")})
    by_place = env.from_collection(records).infer(net)

    for found in (results(by_name), results(by_place)):
        assert [record for record, _ in found] == records
        assert all(outputs["sum"].tolist() == [n + 2, n + 1] for n, (_, outputs) in enumerate(found))
        assert found[0][1]["best"].shape == ()


def test_rows_get_a_prediction_each(env, trees):
    names = trees._native.feature_names()
    rows = numpy.random.default_rng(7).normal(size=(200, len(names))).round(3)

    found = results(env.from_collection(rows.tolist()).infer(trees))
    named = results(env.from_collection(rows.tolist()).infer(trees, lambda row: dict(zip(names, row))))

    assert [score for _, score in found] == [score for _, score in named] == trees.run(rows).tolist()


def test_methods_of_a_model_of_the_user_are_called_for_each_record(env):
    runner = riverrun.Runner(Own)
    numbers = list(range(500))

    assert results(env.from_collection(numbers).infer(runner.double)) == [(number, 2 * number) for number in numbers]
    assert results(env.from_collection([1, 2]).infer(runner.word, lambda n: n + 1)) == [(1, "<2>"), (2, "<3>")]


def test_batches_of_a_model_of_the_user_are_within_its_limits(env):
    made = []

    class Counting(riverrun.Runnable):
        def __init__(self):
            self.sizes = []
            made.append(self)

        @riverrun.Runnable.method(batchable=True)
        def predict(self, numbers):
            self.sizes.append(len(numbers))
            return numbers

    runner = riverrun.Runner(Counting, max_latency_ms=20, max_batch_size=50)

    results(env.from_collection(list(range(500))).infer(runner))

    (model,) = made
    assert sum(model.sizes) == 500 and 1 < max(model.sizes) <= 50


def test_rows_of_arrays_and_tables_are_put_together(env):
    runner = riverrun.Runner(Own)
    rows = [[number, 1] for number in range(100)]

    totals = results(env.from_collection(rows).infer(runner.total, numpy.array))
    assert [total for _, total in totals] == [number + 1 for number in range(100)]
    columns = results(env.from_collection(rows).infer(runner.columns, numpy.array))
    assert [column.tolist() for _, column in columns] == [[2 * number, 2] for number in range(100)]
    table = lambda row: pandas.DataFrame([row], columns=["high", "low"])  # noqa: E731
    assert [spread for _, spread in results(env.from_collection(rows).infer(runner.spread, table))] == [n - 1 for n in range(100)]


def test_the_only_method_needs_no_name_and_several_do(env):
    class One(riverrun.Runnable):
        @riverrun.Runnable.method(batchable=True)
        def predict(self, items):
            return [item.upper() for item in items]

    assert results(env.from_collection(["a"]).infer(riverrun.Runner(One))) == [("a", "A")]
    with pytest.raises(UnknownMethod, match="`double`"):
        env.from_collection([1]).infer(riverrun.Runner(Own))


@pytest.mark.parametrize(
    ("record", "cause", "message"),
    [
        (object(), BadInputType, "neither text"),
        (ZeroDivisionError(), ZeroDivisionError, "ZeroDivisionError"),
        (["a", "b"], BadInputType, "flat_map"),
        (None, BadInputType, "None"),
        ("\ud800", BadInput, "surrogate"),
    ],
)
def test_what_is_wrong_with_a_record_ends_the_stream_with_its_error(env, entities, record, cause, message):
    def take(_):
        if isinstance(record, Exception):
            raise record
        return record

    with pytest.raises(JobExecutionError, match=message) as caught:
        results(env.from_collection([1]).infer(entities, take))
    assert isinstance(caught.value.__cause__, cause)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"left": [1.0]}, "`right` is missing"),
        (([1.0], [1.0], [1.0]), "3 tensors"),
        (([[1.0]], [1.0]), r"`left` has the shape \[1, 1, 1\]"),
        ((numpy.ones(1, "i8"), [1.0]), "int64"),
        ((None, [1.0]), "`left` is None"),
    ],
)
def test_what_is_wrong_with_a_tensor_ends_the_stream_by_its_name(env, net, item, message):
    with pytest.raises(JobExecutionError, match=message) as caught:
        results(env.from_collection([1]).infer(net, lambda _: item))
    assert isinstance(caught.value.__cause__, BadInput)


def test_an_exception_of_the_users_model_is_the_cause_of_the_end(env):
    class Fails(riverrun.Runnable):
        @riverrun.Runnable.method(batchable=True)
        def predict(self, items):
            return [1 // item for item in items]

    with pytest.raises(JobExecutionError) as caught:
        results(env.from_collection([1, 1, 0]).infer(riverrun.Runner(Fails)))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_several_rows_are_no_record(env, trees):
    for rows in ([[0.5] * 8] * 2, None, ["a"]):
        with pytest.raises(JobExecutionError) as caught:
            results(env.from_collection([1]).infer(trees, lambda _, rows=rows: rows))
        assert isinstance(caught.value.__cause__, BadInput)


def test_what_is_no_runner_is_refused_at_once(env):
    for other in ("ner", riverrun.models.get("ner"), Own, len):
        with pytest.raises(BadInputType, match="`infer` takes a runner"):
            env.from_collection([1]).infer(other)
    with pytest.raises(BadInputType, match="function"):
        env.from_collection([1]).infer(riverrun.Runner(Own).word, "text")
