"""What users do wrong, and what they are told."""

import signal
import sys
import time
import traceback

import pytest

from riverrun.common import Types
from riverrun.datastream import KeyedProcessFunction, MapFunction, ProcessFunction, StreamExecutionEnvironment
from riverrun.datastream.exceptions import JobExecutionError
from riverrun.datastream.state import ValueStateDescriptor
from riverrun.exceptions import BadInput, BadInputType, RiverrunError

from programs import interrupt, results


def cause_of(stream):
    with pytest.raises(JobExecutionError) as raised:
        results(stream)
    assert isinstance(raised.value, RiverrunError)
    return raised.value


def test_a_callback_that_raises_fails_the_job_with_its_own_exception_and_traceback(env):
    def divide(n):
        return 1 / n

    error = cause_of(env.from_collection([1, 0]).map(divide).name("Divide"))

    assert isinstance(error.__cause__, ZeroDivisionError)
    assert traceback.extract_tb(error.__cause__.__traceback__)[-1].name == "divide"
    assert "`Divide`" in str(error) and "ZeroDivisionError" in str(error) and "test_bad_input.py" in str(error)


def test_exceptions_come_from_every_place_that_calls_back(env):
    class Open(MapFunction):
        def open(self, runtime_context):
            raise OSError("no model")

        def map(self, value): ...

    class Close(MapFunction):
        def map(self, value):
            return value

        def close(self):
            raise OSError("no end")

    class Timer(KeyedProcessFunction):
        def process_element(self, value, ctx):
            ctx.timer_service().register_event_time_timer(1)

        def on_timer(self, timestamp, ctx):
            raise OSError("no time")

    def raises(*_):
        raise OSError("no")

    numbers = env.from_collection([1, 2])
    streams = [
        lambda: numbers.map(Open()),
        lambda: numbers.map(Close()),
        lambda: numbers.flat_map(raises),
        lambda: numbers.filter(raises),
        lambda: numbers.key_by(raises).sum(),
        lambda: numbers.key_by(lambda n: 0).reduce(raises),
        lambda: numbers.key_by(lambda n: n).process(Timer()),
        lambda: numbers.partition_custom(raises, lambda n: n).map(lambda n: n).set_parallelism(2),
        lambda: numbers.partition_custom(lambda key, n: 0, raises).map(lambda n: n).set_parallelism(2),
    ]

    for stream in streams:
        assert isinstance(cause_of(stream()).__cause__, OSError)


def test_what_a_partitioner_raises_is_the_cause_of_its_own_job_alone(env):
    def raises(key, subtasks):
        raise OSError("no")

    env.from_collection([1, 2]).partition_custom(raises, lambda n: n).map(lambda n: n).set_parallelism(2)
    client = env.execute_async()
    while not client.get_job_status().result().is_globally_terminal_state():
        time.sleep(0.01)

    other = env.from_collection([1]).partition_custom(lambda key, subtasks: 5, lambda n: n).map(lambda n: n)
    assert cause_of(other.set_parallelism(2)).__cause__ is None
    for _ in range(2):
        error = client.get_job_execution_result().exception()
        assert isinstance(error, JobExecutionError) and isinstance(error.__cause__, OSError)


def test_an_exception_within_another_keeps_its_chain(env):
    def wrap(n):
        try:
            return {}[n]
        except KeyError as error:
            raise ValueError("wrapped") from error

    error = cause_of(env.from_collection([1]).map(wrap))

    assert isinstance(error.__cause__.__cause__, KeyError)


def test_a_callback_of_another_type_than_declared_is_a_type_error(env):
    for function, type_info, cause in [
        (lambda n: None, Types.STRING(), TypeError),
        (lambda n: "x", Types.INT(), TypeError),
        (lambda n: 1 << 40, Types.INT(), OverflowError),
        (lambda n: (1, 2, 3), Types.TUPLE([Types.INT(), Types.INT()]), ValueError),
        (lambda n: 5, Types.ROW([Types.INT()]), TypeError),
    ]:
        assert isinstance(cause_of(env.from_collection([1]).map(function, type_info)).__cause__, cause)


def test_results_that_are_not_iterable_are_a_type_error(env):
    class One(ProcessFunction):
        def process_element(self, value, ctx):
            return 5

    numbers = env.from_collection([1])

    assert isinstance(cause_of(numbers.flat_map(lambda n: 5)).__cause__, TypeError)
    error = cause_of(numbers.process(One())).__cause__
    assert isinstance(error, TypeError) and "yields" in str(error)


@pytest.mark.parametrize("wrong", [5, None, "map", ProcessFunction, object()])
def test_what_cannot_be_called_is_refused_where_it_is_given(env, wrong):
    numbers = env.from_collection([1])
    for method in ("map", "flat_map", "filter", "key_by", "process"):
        with pytest.raises(TypeError, match=method):
            getattr(numbers, method)(wrong)


def test_a_function_of_another_kind_is_refused(env):
    class Mapper(MapFunction):
        def map(self, value):
            return value

    with pytest.raises(BadInputType, match="FilterFunction"):
        env.from_collection([1]).filter(Mapper())


def test_what_cannot_be_stored_is_a_type_error_where_it_is_put_in(env):
    class Plain:
        pass

    def of(value):
        class Keep(KeyedProcessFunction):
            def open(self, context):
                self.state = context.get_state(ValueStateDescriptor("kept"))

            def process_element(self, n, ctx):
                self.state.update(value)

        return cause_of(env.from_collection([1]).key_by(lambda n: n).process(Keep())).__cause__

    for value in (Plain(), lambda: 0, [Plain()], {"k": (1, sys)}, open):
        error = of(value)
        assert isinstance(error, TypeError) and "serializers.register" in str(error)
        assert traceback.extract_tb(error.__traceback__)[-1].name in ("process_element", "_take_apart")
    endless = []
    endless.append(endless)
    assert isinstance(of(endless), TypeError)
    assert isinstance(cause_of(env.from_collection([1]).key_by(lambda n: Plain()).reduce(max)).__cause__, TypeError)


def test_a_state_takes_its_declared_type_alone(env):
    class Keep(KeyedProcessFunction):
        def open(self, context):
            self.state = context.get_state(ValueStateDescriptor("kept", Types.INT()))

        def process_element(self, n, ctx):
            self.state.update("five")

    assert isinstance(cause_of(env.from_collection([1]).key_by(lambda n: n).process(Keep())).__cause__, TypeError)


def test_surrogates_are_kept_in_state_and_refused_by_print(env):
    class Keep(KeyedProcessFunction):
        def open(self, context):
            self.state = context.get_state(ValueStateDescriptor("kept", Types.STRING()))

        def process_element(self, text, ctx):
            self.state.update(text)
            yield self.state.value()

    broken = env.from_collection(["a\ud800b"])

    assert results(broken.key_by(lambda text: text).process(Keep())) == ["a\ud800b"]
    broken.print()
    with pytest.raises(JobExecutionError) as raised:
        env.execute()
    assert isinstance(raised.value.__cause__, UnicodeEncodeError)


def test_a_callback_that_exits_fails_the_job_and_not_the_interpreter(env):
    assert isinstance(cause_of(env.from_collection([1]).map(lambda n: sys.exit(3))).__cause__, SystemExit)


def test_a_program_without_operators_and_a_collection_that_is_none_are_refused(env):
    with pytest.raises(BadInput, match="no operators"):
        env.execute()
    for wrong in (5, "text", None):
        with pytest.raises(TypeError):
            env.from_collection(wrong)
    with pytest.raises(BadInput, match="parallelism"):
        env.set_parallelism(0)
    with pytest.raises(TypeError):
        env.from_collection([1], "int")
    with pytest.raises(TypeError):
        env.from_collection(["x"], Types.INT())


def test_a_function_that_cannot_be_copied_runs_alone_and_is_refused_for_several_subtasks():
    class Locked(MapFunction):
        def __init__(self):
            import threading

            self.lock = threading.Lock()

        def map(self, value):
            with self.lock:
                return value

    env = StreamExecutionEnvironment.get_execution_environment()

    assert results(env.from_collection([1]).map(Locked()).set_parallelism(1)) == [1]
    error = cause_of(env.from_collection([1]).map(Locked()).set_parallelism(2))
    assert isinstance(error.__cause__, TypeError) and "open" in str(error.__cause__)


def test_a_forked_child_is_told_that_it_has_no_threads_for_a_job(python):
    program = """
import os, sys
from riverrun.datastream import StreamExecutionEnvironment
from riverrun.exceptions import StateError
def run(job):
    try:
        print(job(), flush=True)
    except StateError as error:
        print("refused:", "forked" in str(error), flush=True)
def squares():
    env = StreamExecutionEnvironment.get_execution_environment()
    return env.from_collection([1, 2]).map(lambda n: n * n).set_parallelism(1).execute_and_collect(limit=2)
if os.fork() == 0:
    run(squares)
    os._exit(0)
os.wait()
run(squares)
env = StreamExecutionEnvironment.get_execution_environment()
env.from_collection(range(10**12)).map(lambda n: n)
client = env.execute_async()
if os.fork() == 0:
    run(squares)
    run(client.get_job_execution_result().result)
    sys.exit()
os.wait()
print(client.get_job_status().result().name)
client.cancel().result()
"""

    done = python(program, timeout=60)

    assert done.stdout == "[1, 4]\n[1, 4]\nrefused: True\nrefused: True\nRUNNING\n", done.stderr


ENDLESS = """
import time
from riverrun.datastream import StreamExecutionEnvironment
env = StreamExecutionEnvironment.get_execution_environment()
env.from_collection(range(10**12)).map(lambda n: {body}).filter(lambda n: False).print()
print("ready")
env.execute()
"""


BODIES = pytest.mark.parametrize(
    "body", ["n", "time.sleep(0.001)", "sum(0 for _ in iter(int, 1))", "time.sleep(3600)"], ids=["fast", "slow", "busy for ever", "asleep for ever"]
)


@BODIES
def test_a_program_ends_well_whatever_a_job_that_nobody_asks_for_does(python, body):
    program = ENDLESS.format(body=body).replace("env.execute()", "env.execute_async()\ntime.sleep(0.3)")

    ended = python(program, timeout=60)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ready\n", "")


@BODIES
def test_ctrl_c_ends_a_job_whatever_its_callback_does(body):
    ended = interrupt(ENDLESS.format(body=body), after=0.5)

    assert ended.returncode == -signal.SIGINT and "KeyboardInterrupt" in ended.stderr


ITERATING = """
from riverrun.datastream import StreamExecutionEnvironment
env = StreamExecutionEnvironment.get_execution_environment()
records = env.from_collection(range(10**12)).filter(lambda n: False).execute_and_collect()
print("ready")
for record in records:
    pass
"""


def test_ctrl_c_ends_an_iteration_over_results():
    ended = interrupt(ITERATING, after=0.5)

    assert ended.returncode != 0 and "KeyboardInterrupt" in ended.stderr
