"""Models of the user's own: put together into batches, taken apart again, and their errors left as they are."""

import asyncio
import pickle
import threading
import traceback

import numpy
import pandas
import pyarrow
import pytest

import riverrun
from riverrun.exceptions import BadInput, NotSupported, StateError, UnknownMethod


class Doubling(riverrun.Runnable):
    """Doubles what it is given, and notes how it was called."""

    def __init__(self, fails_on=None):
        self.calls = []
        self.fails_on = fails_on
        self.gate = threading.Event()
        self.gate.set()

    @riverrun.Runnable.method(batchable=True, batch_dim=0)
    def predict(self, values):
        self.gate.wait(20)
        self.calls.append(values)
        if self.fails_on is not None and self.fails_on in list(values):
            raise KeyError(self.fails_on)
        return values * 2 if not isinstance(values, list) else [2 * value for value in values]


class Several(riverrun.Runnable):
    @riverrun.Runnable.method
    def first(self, a, b=0):
        return a + b

    @riverrun.Runnable.method(batchable=True)
    def second(self, values):
        return values


def started(runnable=Doubling, **options):
    """A runner, and the instance that it computes with."""
    made = []

    class Seen(runnable):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)

    Seen.__name__ = runnable.__name__
    runner = riverrun.Runner(Seen, **options)
    runner.init_local()
    return runner, made[0]


def together(runner, instance, inputs):
    """Calls that meet in the queue, while one before them holds the model up."""

    async def all_at_once():
        instance.gate.clear()
        held = [asyncio.create_task(runner.predict.async_run(inputs[0])) for _ in range(8)]
        await asyncio.sleep(0.1)
        calls = [asyncio.create_task(runner.predict.async_run(one)) for one in inputs]
        await asyncio.sleep(0.1)
        instance.calls.clear()
        instance.gate.set()
        await asyncio.gather(*held, return_exceptions=True)
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(all_at_once())


def test_a_call_gets_its_own_part_of_the_batch():
    runner, instance = started()

    results = together(runner, instance, [[1], [2, 3], [], [4, 5, 6]])

    assert results == [[2], [4, 6], [], [8, 10, 12]]
    assert max(len(call) for call in instance.calls) > 3, "calls were put together"


def test_a_batch_has_at_most_as_many_rows_as_it_may():
    runner, instance = started(max_batch_size=4)

    results = together(runner, instance, [[number, number] for number in range(9)])

    assert results == [[2 * number] * 2 for number in range(9)]
    assert max(len(call) for call in instance.calls) == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda number: numpy.full((2, 3), number, dtype=numpy.float32),
        lambda number: pandas.DataFrame({"a": [number, number + 1]}),
        lambda number: pandas.Series([number, number + 1]),
    ],
)
def test_arrays_and_tables_are_put_together_and_keep_their_kind(make):
    runner, instance = started()
    inputs = [make(number) for number in range(4)]

    results = together(runner, instance, inputs)

    for given, result in zip(inputs, results):
        assert type(result) is type(given)
        assert numpy.array_equal(numpy.asarray(result), 2 * numpy.asarray(given))
    assert max(len(call) for call in instance.calls) > 2


def test_rows_of_pandas_keep_the_index_of_their_call_alone_and_together():
    runner, instance = started()
    inputs = [
        pandas.DataFrame({"a": [number, 5]}, index=pandas.Index([f"x{number}", "y"], name="id")) for number in range(4)
    ]

    results = together(runner, instance, inputs)

    assert max(len(call) for call in instance.calls) > 2
    assert all(list(call.index) == list(range(len(call))) for call in instance.calls)
    for given, result in zip(inputs, results):
        pandas.testing.assert_frame_equal(result, given * 2)
        pandas.testing.assert_frame_equal(runner.predict.run(given), given * 2)
    assert list(instance.calls[-1].index) == [0, 1] and list(inputs[0].index) == ["x0", "y"]


def test_rows_that_a_method_labels_itself_keep_its_labels_and_others_begin_at_0():
    class Labelling(Doubling):
        @riverrun.Runnable.method(batchable=True)
        def predict(self, values):
            self.gate.wait(20)
            self.calls.append(values)
            return pandas.Series(values) if isinstance(values, list) else values.set_index("a")

    runner, instance = started(Labelling)
    frames = [pandas.DataFrame({"a": [number, 9], "b": [1, 2]}, index=[3, 4]) for number in range(4)]

    for given, result in zip(frames, together(runner, instance, frames)):
        pandas.testing.assert_frame_equal(result, given.set_index("a"))
        pandas.testing.assert_frame_equal(runner.predict.run(given), given.set_index("a"))
    for result in together(runner, instance, [[1, 2], [3, 4]]):
        assert list(result.index) == [0, 1]


@pytest.mark.parametrize("name", ["name", "models", "runnable_class"])
def test_a_method_that_would_hide_an_attribute_of_the_runner_is_refused(name):
    class Hiding(riverrun.Runnable):
        pass

    Hiding.add_method(lambda self: 1, name)

    with pytest.raises(BadInput, match=f"method `{name}`"):
        riverrun.Runner(Hiding)


def test_arrow_tables_are_put_together():
    class Same(Doubling):
        @riverrun.Runnable.method(batchable=True)
        def predict(self, table):
            self.gate.wait(20)
            self.calls.append(table)
            return table

    runner, instance = started(Same)
    inputs = [pyarrow.table({"a": [number, number]}) for number in range(4)]

    assert together(runner, instance, inputs) == inputs
    assert max(len(call) for call in instance.calls) > 2


def test_another_dimension_can_be_the_batch():
    class Columns(Doubling):
        @riverrun.Runnable.method(batchable=True, batch_dim=(1, 0))
        def predict(self, values):
            self.gate.wait(20)
            self.calls.append(list(values))
            return values.sum(axis=0)

    runner, instance = started(Columns)
    results = together(runner, instance, [numpy.ones((2, 3)), numpy.ones((2, 1))])

    assert [result.tolist() for result in results] == [[2, 2, 2], [2]]


def test_mixed_types_and_shapes_are_never_cast_and_only_the_wrong_one_fails():
    class Rows(Doubling):
        @riverrun.Runnable.method(batchable=True)
        def predict(self, values):
            self.gate.wait(20)
            self.calls.append(values)
            if values.shape[1:] != (3,):
                raise ValueError(f"rows of 3 are wanted, not {values.shape[1:]}")
            return values

    runner, instance = started(Rows)
    floats, integers = numpy.ones((2, 3), dtype=numpy.float32), numpy.ones((1, 3), dtype=numpy.int64)

    results = together(runner, instance, [floats, integers, numpy.ones((2, 5), dtype=numpy.float32), floats])

    assert [results[0].dtype, results[1].dtype, results[3].dtype] == [numpy.float32, numpy.int64, numpy.float32]
    assert isinstance(results[2], ValueError) and "rows of 3" in str(results[2])


def test_one_bad_call_of_a_batch_fails_alone_with_its_own_exception():
    runner, instance = started(runnable_init_params={"fails_on": 13})

    results = together(runner, instance, [[1], [13], [2]])

    assert results[0] == [2] and results[2] == [4]
    assert isinstance(results[1], KeyError) and results[1].args == (13,)


def test_an_exception_keeps_the_traceback_of_the_users_code():
    runner, _ = started(runnable_init_params={"fails_on": 1})

    with pytest.raises(KeyError) as caught:
        runner.run([1])

    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-1] == "predict"


def test_a_batchable_method_must_return_one_result_for_each_row():
    for wrong, error in ((None, TypeError), (3, TypeError), ([1], ValueError), ({"a": 1}, TypeError)):

        class Wrong(riverrun.Runnable):
            @riverrun.Runnable.method(batchable=True)
            def predict(self, values):
                return wrong

        runner = riverrun.Runner(Wrong)
        runner.init_local()
        with pytest.raises(error, match="`predict`"):
            runner.run([1, 2])


def test_what_is_no_batch_is_refused_before_the_model_is_called():
    runner, instance = started()

    for wrong in (5, "text", None, {"a": [1]}):
        with pytest.raises(TypeError, match="takes batches"):
            runner.run(wrong)
    with pytest.raises(TypeError, match="there is none"):
        runner.run()
    assert instance.calls == []

    class Two(riverrun.Runnable):
        @riverrun.Runnable.method(batchable=True)
        def predict(self, a, b):
            return a

    two = riverrun.Runner(Two)
    two.init_local()
    with pytest.raises(BadInput, match="argument 1 has 2 rows, but argument 2 has 1"):
        two.run([1, 2], [3])


def test_several_methods_are_called_by_name_and_run_says_which_there_are():
    runner = riverrun.Runner(Several)
    runner.init_local()

    assert runner.first.run(2, b=3) == 5
    assert runner.second.run([1]) == [1]
    assert runner.method("first").run(1) == 1
    with pytest.raises(UnknownMethod, match="it has `first`, `second`"):
        runner.run(1)
    with pytest.raises(AttributeError, match="it has `first`, `second`"):
        runner.third.run(1)


def test_call_is_the_default_among_several():
    class Called(Several):
        @riverrun.Runnable.method
        def __call__(self, value):
            return ("called", value)

    runner = riverrun.Runner(Called)
    runner.init_local()

    assert runner.run(1) == ("called", 1)


def test_a_method_that_is_not_batchable_is_called_for_each():
    runner = riverrun.Runner(Several)
    runner.init_local()

    async def several():
        return await asyncio.gather(*(runner.first.async_run(number) for number in range(10)))

    assert asyncio.run(several()) == list(range(10))


def test_a_runner_may_call_another_one(runner):
    class Nested(riverrun.Runnable):
        @riverrun.Runnable.method(batchable=True)
        def predict(self, texts):
            return [best["label"] for best in runner.run(texts)]

    nested = riverrun.Runner(Nested)
    nested.init_local()

    async def several():
        return await asyncio.gather(*(nested.async_run(["What a lovely day"]) for _ in range(20)))

    assert asyncio.run(several()) == [["positive"]] * 20


def test_stop_iteration_of_a_model_does_not_end_the_loop_that_waits():
    class Stops(riverrun.Runnable):
        @riverrun.Runnable.method
        def predict(self):
            raise StopIteration("over")

    runner = riverrun.Runner(Stops)
    runner.init_local()

    with pytest.raises(StopIteration):
        runner.run()
    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(runner.async_run())


def test_an_exit_of_a_model_is_the_callers():
    class Exits(riverrun.Runnable):
        @riverrun.Runnable.method(batchable=True)
        def predict(self, values):
            raise SystemExit(3)

    runner = riverrun.Runner(Exits)
    runner.init_local()

    with pytest.raises(SystemExit) as caught:
        runner.run([1])
    assert caught.value.code == 3


def test_what_is_no_runnable_is_refused():
    class Empty(riverrun.Runnable):
        pass

    with pytest.raises(BadInput, match="no method"):
        riverrun.Runner(Empty)
    with pytest.raises(TypeError):
        riverrun.Runner(Doubling())
    with pytest.raises(TypeError):
        riverrun.Runnable.method(5)
    with pytest.raises(BadInput):
        riverrun.Runnable.method(batch_dim=-1)
    with pytest.raises(NotSupported):
        riverrun.Runner(Doubling).init_client("http://localhost:1")
    runner = riverrun.Runner(Doubling)
    with pytest.raises(StateError):
        runner.run([1])
    runner.init_local()
    with pytest.raises(StateError):
        runner.init_local()


def test_an_error_in_the_constructor_is_the_users():
    class Broken(riverrun.Runnable):
        def __init__(self):
            raise FileNotFoundError("weights")

        @riverrun.Runnable.method
        def predict(self):
            return 1

    with pytest.raises(FileNotFoundError):
        riverrun.Runner(Broken).init_local()


def test_a_runner_of_a_class_travels_with_it():
    runner = riverrun.Runner(Several, name="several", max_batch_size=3)
    runner.init_local()

    again = pickle.loads(pickle.dumps(runner))

    assert again.name == "several" and again.first.run(1) == 1


def test_a_destroyed_runner_of_a_class_lets_its_instance_go():
    import gc
    import weakref

    class Kept(riverrun.Runnable):
        @riverrun.Runnable.method
        def predict(self):
            return weakref.ref(self)

    runner = riverrun.Runner(Kept)
    runner.init_local()
    instance = runner.run()
    assert instance() is not None

    runner.destroy()
    gc.collect()
    assert instance() is None
    with pytest.raises(StateError):
        runner.run()


def test_nothing_is_kept_of_what_was_computed():
    import tracemalloc

    runner, instance = started()

    def many(count):
        for number in range(count):
            runner.run([number])
        instance.calls.clear()

    many(500)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    many(3000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert grown < 50_000, f"{grown} bytes are left of 3,000 calls"
