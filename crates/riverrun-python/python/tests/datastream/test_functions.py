"""Functions of one record, partitioning, and what a job does with them."""

import collections
import threading

import pytest

from riverrun.common import Configuration, Encoder, JobStatus, Types
from riverrun.datastream import (
    FilterFunction,
    FlatMapFunction,
    KeySelector,
    MapFunction,
    Partitioner,
    ProcessFunction,
    ReduceFunction,
    RuntimeExecutionMode,
    StreamExecutionEnvironment,
)
from riverrun.datastream.connectors.file_system import FileSink, FileSource, StreamFormat
from riverrun.datastream.connectors.number_seq import NumberSequenceSource
from riverrun.common.watermark_strategy import WatermarkStrategy
from riverrun.exceptions import BadInput, NotSupported

from programs import results


def test_a_map_a_flat_map_and_a_filter_make_one_any_and_some(env):
    stream = env.from_collection(range(5)).map(lambda n: n * 10)
    stream = stream.flat_map(lambda n: [n] * (n // 10)).filter(lambda n: n != 20)

    assert results(stream) == [10, 30, 30, 30, 40, 40, 40, 40]


def test_a_flat_map_may_yield_and_may_give_nothing(env):
    def split(line):
        if line:
            yield from line.split()

    assert results(env.from_collection(["to be", "", "or"]).flat_map(split)) == ["to", "be", "or"]
    assert results(env.from_collection([1, 2]).flat_map(lambda n: None)) == []


def test_function_objects_are_opened_and_closed_once_per_subtask_each_with_its_own_copy():
    calls, lock = [], threading.Lock()

    class Count(MapFunction):
        def __init__(self):
            self.seen = 0

        def open(self, runtime_context):
            self.subtask = runtime_context.get_index_of_this_subtask()
            with lock:
                calls.append(("open", self.subtask))

        def map(self, value):
            self.seen += 1
            return (self.subtask, self.seen)

        def close(self):
            with lock:
                calls.append(("close", self.subtask))

    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(2)
    function = Count()
    numbers = env.from_collection(range(6)).rebalance().map(function)

    assert sorted(results(numbers)) == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
    assert sorted(calls) == [("close", 0), ("close", 1), ("open", 0), ("open", 1)]
    assert function.seen == 0, "the function of the program is a pattern"


def test_all_kinds_of_function_objects_are_called(env):
    class Twice(FlatMapFunction):
        def flat_map(self, value):
            yield value
            yield value

    class Odd(FilterFunction):
        def filter(self, value):
            return value % 2

    class Add(ReduceFunction):
        def reduce(self, value1, value2):
            return value1 + value2

    class Same(KeySelector):
        def get_key(self, value):
            return "all"

    stream = env.from_collection([1, 2, 3]).flat_map(Twice()).filter(Odd()).key_by(Same()).reduce(Add())

    assert results(stream) == [1, 2, 5, 8]


def test_a_runtime_context_tells_where_a_function_runs(env):
    told = {}

    class Tell(MapFunction):
        def open(self, runtime_context):
            told["name"] = runtime_context.get_task_name_with_subtasks()
            told["of"] = runtime_context.get_number_of_parallel_subtasks()
            told["groups"] = runtime_context.get_max_number_of_parallel_subtasks()
            told["attempt"] = runtime_context.get_attempt_number()
            told["parameter"] = runtime_context.get_job_parameter("who", "nobody")
            told["missing"] = runtime_context.get_job_parameter("what", "nothing")
            self.counter = runtime_context.get_metrics_group().counter("seen")

        def map(self, value):
            self.counter.inc(2)
            return self.counter.get_count()

    env.get_config().set_global_job_parameters({"who": "me"})

    assert results(env.from_collection([1, 1]).map(Tell()).name("Teller")) == [2, 4]
    assert "Teller" in told["name"] and told["name"].endswith("(1/1)")
    assert (told["of"], told["groups"], told["attempt"]) == (1, 128, 0)
    assert (told["parameter"], told["missing"]) == ("me", "nothing")


def test_unions_and_partitionings_lose_nothing(env):
    one, other = env.from_collection([1, 2]), env.from_collection([3, 4])
    env.set_parallelism(2)
    streams = [one.union(other), one.rebalance(), one.rescale(), one.shuffle()]

    found = [sorted(results(stream.map(lambda n: n))) for stream in streams]

    assert found == [[1, 2, 3, 4], [1, 2], [1, 2], [1, 2]]


def test_a_broadcast_reaches_every_subtask():
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(2)

    assert sorted(results(env.from_collection([1, 2]).broadcast().map(lambda n: n))) == [1, 1, 2, 2]


def test_a_partitioner_chooses_the_subtask():
    class Where(MapFunction):
        def open(self, runtime_context):
            self.subtask = runtime_context.get_index_of_this_subtask()

        def map(self, value):
            return (value, self.subtask)

    class ByParity(Partitioner):
        def partition(self, key, num_partitions):
            return key % num_partitions

    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(2)
    stream = env.from_collection(range(4)).partition_custom(ByParity(), lambda n: n).map(Where())

    assert sorted(results(stream)) == [(0, 0), (1, 1), (2, 0), (3, 1)]


def test_records_print_as_python_prints_them(env, capsys):
    env.from_collection([(1, "a"), None, "text", {"k": 1.5}]).print()
    env.execute()

    assert capsys.readouterr().out == "(1, 'a')\nNone\ntext\n{'k': 1.5}\n"


def test_records_of_declared_types_print_as_pyflink_prints_them(env, capsys):
    pairs = env.from_collection([("hi", 2.5, True)], Types.TUPLE([Types.STRING(), Types.DOUBLE(), Types.BOOLEAN()]))
    pairs.print()
    env.from_collection([(1, "x")], Types.ROW_NAMED(["id", "name"], [Types.INT(), Types.STRING()])).print()
    env.execute()

    assert sorted(capsys.readouterr().out.splitlines()) == ["(hi,2.5,true)", "+I[1,x]"]


def test_a_line_has_the_number_of_its_subtask_above_parallelism_1_and_the_identifier_before_it(capsys):
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(2)
    env.from_collection(["a", "b"]).rebalance().print("out")
    env.execute()

    assert sorted(capsys.readouterr().out.splitlines()) in (["out:1> a", "out:2> b"], ["out:1> b", "out:2> a"])


def test_a_stream_can_be_used_again_after_execute(env):
    numbers = env.from_collection([1, 2])

    assert results(numbers.map(lambda n: n + 1)) == [2, 3]
    assert results(numbers.map(lambda n: n * 5)) == [5, 10]


def test_what_nobody_reads_runs_for_what_it_does(env):
    seen = []
    env.from_collection([1, 2]).map(seen.append)
    env.execute()

    assert seen == [1, 2]


def test_numbers_come_from_all_subtasks():
    env = StreamExecutionEnvironment.get_execution_environment()
    numbers = env.from_source(NumberSequenceSource(1, 1000), WatermarkStrategy.no_watermarks(), "numbers")
    negative = env.from_source(NumberSequenceSource(-2, 2), WatermarkStrategy.no_watermarks(), "numbers")

    assert sorted(results(numbers)) == list(range(1, 1001))
    assert results(negative) == [-2, -1, 0, 1, 2]


@pytest.mark.parametrize("kind", [list, collections.deque, collections.UserList, lambda numbers: dict.fromkeys(numbers).keys()])
def test_a_collection_of_any_kind_is_read_as_it_was(env, kind):
    numbers = [1, 2, 3]
    collection = kind(numbers)
    stream = env.from_collection(collection)
    if hasattr(collection, "append"):
        collection.append(4)

    assert results(stream) == [1, 2, 3]


def test_a_limit_ends_an_endless_looking_job_early(env):
    assert env.from_collection(range(10**12)).map(lambda n: n).execute_and_collect(limit=3) == [0, 1, 2]


def test_a_limit_waits_for_no_record_beyond_it(python, tmp_path):
    (tmp_path / "lines.txt").write_text("one\ntwo\n")
    program = f"""
from riverrun.common import Duration, WatermarkStrategy
from riverrun.datastream import StreamExecutionEnvironment
from riverrun.datastream.connectors.file_system import FileSource, StreamFormat
env = StreamExecutionEnvironment.get_execution_environment()
files = FileSource.for_record_stream_format(StreamFormat.text_line_format(), {str(tmp_path)!r})
files = files.monitor_continuously(Duration.of_millis(20)).build()
lines = env.from_source(files, WatermarkStrategy.no_watermarks(), "files")
print(lines.execute_and_collect(limit=2), lines.execute_and_collect(limit=0), flush=True)
"""

    done = python(program, timeout=30)

    assert done.stdout == "['one', 'two'] []\n", done.stderr


def test_a_limit_below_0_is_refused(env):
    with pytest.raises(BadInput, match="limit -1"):
        env.from_collection([1]).execute_and_collect(limit=-1)


def test_an_iterator_that_is_closed_cancels_its_job(env):
    with env.from_collection(range(10**12)).execute_and_collect() as records:
        assert next(records) == 0
        job = records._job

    with pytest.raises(Exception, match="cancelled"):
        job.wait(10_000)
    assert job.status() == "CANCELED"


def test_a_job_that_runs_can_be_asked_and_cancelled(env):
    env.from_collection(range(10**12)).map(lambda n: n)
    client = env.execute_async("counting")

    assert client.get_job_status().result() is JobStatus.RUNNING
    client.cancel().result()
    assert client.get_job_status().result() is JobStatus.CANCELED
    assert len(str(client.get_job_id())) == 32


def test_in_batch_mode_a_reduce_gives_the_last_result_of_each_key(env):
    env.set_runtime_mode(RuntimeExecutionMode.BATCH)
    pairs = env.from_collection([("a", 1), ("b", 2), ("a", 3)])

    assert sorted(results(pairs.key_by(lambda pair: pair[0]).sum(1))) == [("a", 4), ("b", 2)]


def test_settings_are_taken_by_flinks_names():
    settings = {"parallelism.default": "3", "execution.runtime-mode": "batch", "pipeline.max-parallelism": "16"}
    env = StreamExecutionEnvironment.get_execution_environment(Configuration.from_dict(settings))

    assert (env.get_parallelism(), env.get_max_parallelism()) == (3, 16)
    with pytest.warns(RuntimeWarning, match="state.backend"):
        env.configure(Configuration().set_string("state.backend.type", "rocksdb"))


def test_what_has_no_effect_says_so(env):
    with pytest.warns(RuntimeWarning, match="takes no checkpoints yet"):
        env.enable_checkpointing(1000)
    assert env.get_checkpoint_interval() == 1000
    config = env.get_checkpoint_config()
    for setter in [name for name in dir(config) if name.startswith(("set_", "enable_", "disable_"))]:
        arguments = () if setter == "disable_unaligned_checkpoints" else (True,)
        with pytest.warns(RuntimeWarning, match=f"`{setter}` has no effect"):
            assert getattr(config, setter)(*arguments) is config
    files = FileSource.for_record_stream_format(StreamFormat.text_line_format(), "x")
    sink = FileSink.for_row_format("x", Encoder.simple_string_encoder())
    for call in (files.set_file_enumerator, files.set_split_assigner, sink.with_bucket_check_interval):
        with pytest.warns(RuntimeWarning, match=f"`{call.__name__}` has no effect"):
            call(None)


@pytest.mark.parametrize(
    "call",
    [
        lambda env: env.add_jars("file:///x.jar"),
        lambda env: env.add_source(None),
        lambda env: env.from_collection([1]).add_sink(None),
        lambda env: env.from_collection([1]).cache(),
        lambda env: env.set_default_savepoint_directory("/x"),
        lambda env: env.get_config().enable_force_kryo(),
        lambda env: env.register_cached_file("x", "y"),
    ],
)
def test_what_is_not_supported_raises_an_error_that_says_so(env, call):
    with pytest.raises(NotSupported) as raised:
        call(env)

    assert isinstance(raised.value, NotImplementedError) and len(str(raised.value)) > 20


def test_a_process_function_knows_the_time_of_its_record(env):
    class Times(ProcessFunction):
        def process_element(self, value, ctx):
            yield (ctx.timestamp(), ctx.timer_service().current_processing_time() > 10**12)

    from programs import by_field

    stamped = env.from_collection([("a", 5)]).assign_timestamps_and_watermarks(by_field(1))

    assert results(stamped.process(Times())) == [(5, True)]
    assert results(env.from_collection([1]).process(Times())) == [(None, True)]


def test_plans_show_names(env):
    env.from_collection([1]).map(lambda n: n).name("Triple").print().name("Shown")

    assert "Triple" in env.get_execution_plan() and "Shown" in env.explain()
    env.execute()
