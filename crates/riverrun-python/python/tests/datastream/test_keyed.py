"""State and timers of keys."""

import time

import pytest

from riverrun.common import Time, Types
from riverrun.datastream import (
    AggregateFunction,
    FilterFunction,
    FlatMapFunction,
    KeyedProcessFunction,
    MapFunction,
    StreamExecutionEnvironment,
    TimeDomain,
)
from riverrun.datastream.exceptions import JobExecutionError
from riverrun.datastream.state import (
    AggregatingStateDescriptor,
    ListStateDescriptor,
    MapStateDescriptor,
    ReducingStateDescriptor,
    StateTtlConfig,
    ValueStateDescriptor,
)

from programs import by_field, results

PAIRS = [("a", 1), ("b", 2), ("a", 3), ("b", 4), ("a", 5)]


def keyed(env, pairs=PAIRS):
    return env.from_collection(pairs).key_by(lambda pair: pair[0])


class Mean(AggregateFunction):
    def create_accumulator(self):
        return (0, 0)

    def add(self, value, accumulator):
        return (accumulator[0] + value, accumulator[1] + 1)

    def get_result(self, accumulator):
        return accumulator[0] / accumulator[1]

    def merge(self, acc_a, acc_b):
        return (acc_a[0] + acc_b[0], acc_a[1] + acc_b[1])


def test_every_kind_of_state_belongs_to_its_key(env):
    class All(KeyedProcessFunction):
        def open(self, context):
            self.value = context.get_state(ValueStateDescriptor("value", Types.LONG()))
            self.list = context.get_list_state(ListStateDescriptor("list", Types.LONG()))
            self.map = context.get_map_state(MapStateDescriptor("map", Types.STRING(), Types.LONG()))
            self.sum = context.get_reducing_state(ReducingStateDescriptor("sum", lambda a, b: a + b, Types.LONG()))
            self.mean = context.get_aggregating_state(AggregatingStateDescriptor("mean", Mean()))

        def process_element(self, value, ctx):
            key, number = value
            before = self.value.value()
            self.value.update(number)
            self.list.add(number)
            self.map.put(f"n{number}", number)
            self.sum.add(number)
            self.mean.add(number)
            yield (key, before, list(self.list), dict(self.map.items()), self.sum.get(), self.mean.get())

    assert results(keyed(env).process(All())) == [
        ("a", None, [1], {"n1": 1}, 1, 1.0),
        ("b", None, [2], {"n2": 2}, 2, 2.0),
        ("a", 1, [1, 3], {"n1": 1, "n3": 3}, 4, 2.0),
        ("b", 2, [2, 4], {"n2": 2, "n4": 4}, 6, 3.0),
        ("a", 3, [1, 3, 5], {"n1": 1, "n3": 3, "n5": 5}, 9, 3.0),
    ]


def test_maps_and_lists_in_state_have_all_their_methods(env):
    class Methods(KeyedProcessFunction):
        def open(self, context):
            self.map = context.get_map_state(MapStateDescriptor("map"))
            self.list = context.get_list_state(ListStateDescriptor("list"))

        def process_element(self, value, ctx):
            yield self.map.is_empty()
            self.map.put_all({1: "one", (2, "x"): "two"})
            self.map["three"] = 3
            yield (1 in self.map, self.map.contains("four"), self.map[(2, "x")], self.map.get("four"))
            for key in self.map:
                if key != "three":
                    self.map.remove(key)
            yield (list(self.map.keys()), list(self.map.values()))
            del self.map["three"]
            yield self.map.is_empty()
            self.list.add_all([1, 2])
            self.list.update([3])
            yield self.list.get()
            self.list.clear()
            yield self.list.get()

    assert results(keyed(env, [("a", 1)]).process(Methods())) == [
        True,
        (True, False, "two", None),
        (["three"], [3]),
        True,
        [3],
        [],
    ]


def test_functions_of_keyed_streams_use_the_state_of_the_key(env):
    class Count:
        def open(self, context):
            self.count = context.get_state(ValueStateDescriptor("count", Types.LONG()))

        def next(self):
            count = (self.count.value() or 0) + 1
            self.count.update(count)
            return count

    class Number(Count, MapFunction):
        def map(self, value):
            return (value[0], self.next())

    class Repeat(Count, FlatMapFunction):
        def flat_map(self, value):
            yield from [value[0]] * self.next()

    class First(Count, FilterFunction):
        def filter(self, value):
            return self.next() == 1

    assert results(keyed(env).map(Number())) == [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3)]
    assert results(keyed(env).flat_map(Repeat())) == list("ab") + list("aabb") + list("aaa")
    assert results(keyed(env).filter(First())) == [("a", 1), ("b", 2)]
    assert results(keyed(env).map(lambda pair: pair[1])) == [1, 2, 3, 4, 5]


def test_rolling_aggregations_take_a_field_by_number_or_name(env):
    rows = Types.ROW_NAMED(["key", "n"], [Types.STRING(), Types.INT()])

    def of(method, field, type_info=None, pairs=(("a", 3, "x"), ("a", 1, "y"), ("a", 2, "z"))):
        stream = env.from_collection([pair[:2] if type_info else pair for pair in pairs], type_info)
        return results(getattr(stream.key_by(lambda record: record[0]), method)(field))

    assert of("sum", 1) == [("a", 3, "x"), ("a", 4, "x"), ("a", 6, "x")]
    assert of("min", 1) == [("a", 3, "x"), ("a", 1, "x"), ("a", 1, "x")]
    assert of("max", 1) == [("a", 3, "x")] * 3
    assert of("min_by", 1) == [("a", 3, "x"), ("a", 1, "y"), ("a", 1, "y")]
    assert of("max_by", 1) == [("a", 3, "x")] * 3
    assert [row.n for row in of("sum", "n", rows)] == [3, 4, 6]
    assert results(env.from_collection([1, 2, 3]).key_by(lambda n: 0).sum()) == [1, 3, 6]


def test_event_time_timers_fire_in_order_once_the_watermark_has_passed(env):
    class Remind(KeyedProcessFunction):
        def process_element(self, value, ctx):
            timers = ctx.timer_service()
            timers.register_event_time_timer(value[1] + 10)
            timers.register_event_time_timer(value[1] + 10)
            timers.register_event_time_timer(99)
            timers.delete_event_time_timer(99)

        def on_timer(self, timestamp, ctx):
            yield (ctx.get_current_key(), timestamp, ctx.timestamp(), ctx.time_domain())

    stream = env.from_collection(PAIRS).assign_timestamps_and_watermarks(by_field(1)).key_by(lambda pair: pair[0])

    assert results(stream.process(Remind())) == [
        (key, time + 10, time + 10, TimeDomain.EVENT_TIME) for key, time in PAIRS
    ]


def test_a_processing_time_timer_fires_while_the_job_runs(env):
    class Later(KeyedProcessFunction):
        def process_element(self, value, ctx):
            now = ctx.timer_service().current_processing_time()
            ctx.timer_service().register_processing_time_timer(now + 20)

        def on_timer(self, timestamp, ctx):
            yield (ctx.time_domain(), ctx.timer_service().current_processing_time() >= timestamp)

    def slowly(pair):
        time.sleep(pair[1])
        return pair

    # The second record keeps the job running until the first one's timer has fired.
    env.set_buffer_timeout(0)
    pairs = env.from_collection([("a", 0.01), ("b", 0.3)]).map(slowly)

    assert results(pairs.key_by(lambda pair: pair[0]).process(Later()))[0] == (TimeDomain.PROCESSING_TIME, True)


def test_expired_state_is_gone(env):
    class Seen(KeyedProcessFunction):
        def open(self, context):
            descriptor = ValueStateDescriptor("seen", Types.BOOLEAN())
            descriptor.enable_time_to_live(StateTtlConfig.new_builder(Time.milliseconds(50)).build())
            self.seen = context.get_state(descriptor)

        def process_element(self, value, ctx):
            yield self.seen.value()
            self.seen.update(True)

    def slowly(pair):
        time.sleep(pair[1])
        return pair

    env.set_buffer_timeout(0)

    pairs = env.from_collection([("a", 0.01), ("a", 0.01), ("a", 0.2)]).map(slowly)

    assert results(pairs.key_by(lambda pair: pair[0]).process(Seen())) == [None, True, None]


def test_state_stays_with_its_key_over_many_subtasks():
    class Sum(KeyedProcessFunction):
        def open(self, context):
            self.sum = context.get_state(ValueStateDescriptor("sum", Types.LONG()))

        def process_element(self, value, ctx):
            total = (self.sum.value() or 0) + 1
            self.sum.update(total)
            if total == 100:
                yield (ctx.get_current_key(), total)

    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(3)
    keys = env.from_collection(range(5000)).key_by(lambda n: ("key", n % 50))

    assert sorted(results(keys.process(Sum()))) == [(("key", n), 100) for n in range(50)]


def test_state_that_is_asked_for_too_late_or_used_without_a_key_says_so(env):
    class Late(KeyedProcessFunction):
        def open(self, context):
            self.context = context

        def process_element(self, value, ctx):
            self.context.get_state(ValueStateDescriptor("late"))

    class Early(KeyedProcessFunction):
        def open(self, context):
            context.get_state(ValueStateDescriptor("early")).value()

        def process_element(self, value, ctx): ...

    class Unkeyed(MapFunction):
        def open(self, context):
            context.get_state(ValueStateDescriptor("unkeyed"))

        def map(self, value): ...

    for stream, words in [
        (lambda: keyed(env).process(Late()), "ask for it in `open`"),
        (lambda: keyed(env).process(Early()), "state"),
        (lambda: env.from_collection([1]).map(Unkeyed()), "call `key_by` before it"),
    ]:
        with pytest.raises(JobExecutionError) as raised:
            results(stream())
        assert words in str(raised.value.__cause__)


def test_a_key_is_a_key_by_value_and_type(env):
    keys = [1, 1.0, True, "1", b"1", (1, "a"), None, 10**30, -0.0, 0.0]
    counted = env.from_collection([(key, 1) for key in keys]).key_by(lambda pair: pair[0])

    class Key(KeyedProcessFunction):
        def open(self, context):
            self.count = context.get_state(ValueStateDescriptor("count"))

        def process_element(self, value, ctx):
            self.count.update((self.count.value() or 0) + 1)
            yield (ctx.get_current_key(), self.count.value())

    found = results(counted.process(Key()))

    assert [key for key, _ in found] == keys
    assert [count for _, count in found] == [1] * 9 + [2], "-0.0 and 0.0 are one key, all others are their own"


def test_equal_sets_and_dictionaries_are_one_key_whatever_the_order_of_their_elements(env):
    one, other = frozenset([0, 8]), frozenset([8, 0])
    assert list(one) != list(other) and one == other
    pairs = [(one, other), ((1, one), (1, other)), ({"a": one, "b": 0.0}, {"b": -0.0, "a": other})]

    class Seen(KeyedProcessFunction):
        def open(self, context):
            self.count = context.get_state(ValueStateDescriptor("count"))
            self.map = context.get_map_state(MapStateDescriptor("map"))

        def process_element(self, value, ctx):
            self.count.update((self.count.value() or 0) + 1)
            known = self.map.contains(value)
            self.map.put(value, 1)
            yield (self.count.value(), known, len(list(self.map.keys())))

    for pair in pairs:
        assert results(env.from_collection(pair).key_by(lambda key: key).process(Seen())) == [(1, False, 1), (2, True, 1)]
    different = env.from_collection([frozenset([0, 8]), frozenset([0, 9]), frozenset()]).key_by(lambda key: key)
    assert [count for count, *_ in results(different.process(Seen()))] == [1, 1, 1]
