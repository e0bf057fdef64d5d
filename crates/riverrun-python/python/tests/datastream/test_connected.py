"""Functions of two streams, broadcast state and side outputs."""

import time
import traceback
import unittest.mock

import pytest

from riverrun.common import Types
from riverrun.datastream import (
    BroadcastProcessFunction,
    CoFlatMapFunction,
    CoMapFunction,
    CoProcessFunction,
    KeyedBroadcastProcessFunction,
    KeyedCoProcessFunction,
    KeyedProcessFunction,
    OutputTag,
    ProcessFunction,
    ProcessWindowFunction,
    StreamExecutionEnvironment,
)
from riverrun.datastream._calls import Broadcasting
from riverrun.datastream.exceptions import JobExecutionError
from riverrun.datastream.state import MapStateDescriptor, ValueStateDescriptor
from riverrun.exceptions import BadInputType

from programs import by_field, results


def test_each_of_two_streams_has_its_function(env):
    class One(CoMapFunction):
        def map1(self, value):
            return value + 1

        def map2(self, value):
            return value.upper()

    class Any(CoFlatMapFunction):
        def flat_map1(self, value):
            yield from [value] * value

        def flat_map2(self, value):
            return list(value)

    connected = env.from_collection([1, 2]).connect(env.from_collection(["ab"]))

    assert sorted(results(connected.map(One())), key=str) == [2, 3, "AB"]
    assert sorted(results(connected.flat_map(Any())), key=str) == [1, 2, 2, "a", "b"]


def test_two_keyed_streams_share_the_state_and_the_timers_of_a_key(env):
    class Match(KeyedCoProcessFunction):
        def open(self, context):
            self.seen = context.get_state(ValueStateDescriptor("seen", Types.STRING()))

        def meet(self, name, ctx):
            before = self.seen.value()
            if before is None:
                self.seen.update(name)
                ctx.timer_service().register_event_time_timer(1000)
            elif before != name:
                yield (ctx.get_current_key(), "met")

        def process_element1(self, value, ctx):
            return self.meet("left", ctx)

        def process_element2(self, value, ctx):
            return self.meet("right", ctx)

        def on_timer(self, timestamp, ctx):
            yield (ctx.get_current_key(), timestamp)

    left = env.from_collection([("a", 1), ("b", 2)]).assign_timestamps_and_watermarks(by_field(1))
    right = env.from_collection([("a", 3)]).assign_timestamps_and_watermarks(by_field(1))
    key = lambda pair: pair[0]  # noqa: E731

    by_streams = left.key_by(key).connect(right.key_by(key)).process(Match())
    by_connection = left.connect(right).key_by(key, key, Types.STRING()).process(Match())

    expected = [("a", "met"), ("a", 1000), ("b", 1000)]
    assert sorted(results(by_streams), key=str) == expected
    assert sorted(results(by_connection), key=str) == expected


def test_a_co_map_of_keyed_streams_uses_the_state_of_the_key(env):
    class Count(CoMapFunction):
        def open(self, context):
            self.count = context.get_state(ValueStateDescriptor("count"))

        def map1(self, value):
            self.count.update((self.count.value() or 0) + 1)
            return (value, self.count.value())

        map2 = map1

    connected = env.from_collection(["a", "a"]).connect(env.from_collection(["a", "b"]))

    found = results(connected.key_by(lambda value: value, lambda value: value).map(Count()))
    assert sorted(found) == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]


def test_side_outputs_take_what_is_yielded_under_their_tag(env):
    odd, unread = OutputTag("odd", Types.INT()), OutputTag("unread")

    class Split(ProcessFunction):
        def process_element(self, value, ctx):
            yield unread, value
            if value % 2:
                yield odd, value
            else:
                yield value

    even = env.from_collection(range(6)).process(Split())
    both = even.map(lambda n: ("even", n)).union(even.get_side_output(odd).map(lambda n: ("odd", n)))

    assert sorted(results(both)) == [("even", 0), ("even", 2), ("even", 4), ("odd", 1), ("odd", 3), ("odd", 5)]


def test_side_outputs_come_from_every_kind_of_process_function(env):
    tag = OutputTag("aside")

    class Keyed(KeyedProcessFunction):
        def process_element(self, value, ctx):
            ctx.timer_service().register_event_time_timer(10)
            yield tag, ("element", value)

        def on_timer(self, timestamp, ctx):
            yield tag, ("timer", timestamp)

    class Co(CoProcessFunction):
        def process_element1(self, value, ctx):
            yield tag, ("one", value)

        def process_element2(self, value, ctx):
            yield tag, ("two", value)

    class Window(ProcessWindowFunction):
        def process(self, key, context, elements):
            yield tag, ("window", elements)

    numbers = env.from_collection([1])
    keyed = numbers.key_by(lambda n: n)

    assert results(keyed.process(Keyed()).get_side_output(tag)) == [("element", 1), ("timer", 10)]
    assert sorted(results(numbers.connect(numbers).process(Co()).get_side_output(tag))) == [("one", 1), ("two", 1)]
    assert results(keyed.count_window(1).process(Window()).get_side_output(tag)) == [("window", [1])]


def test_a_side_output_of_what_has_none_is_refused(env):
    with pytest.raises(Exception, match="no side output"):
        results(env.from_collection([1]).map(lambda n: n).get_side_output(OutputTag("none")))


RULES = MapStateDescriptor("rules", Types.STRING(), Types.INT())


def both_orders(env, function, keyed):
    """Records before the rules, and after: a slow stream is read when the rules are there."""
    def slowly(value):
        time.sleep(0.2)
        return value

    records = env.from_collection(["a", "b"]).map(slowly)
    rules = env.from_collection([("a", 1), ("b", 2), ("b", None)]).broadcast(RULES)
    stream = records.key_by(lambda value: value) if keyed else records
    return results(stream.connect(rules).process(function))


def test_broadcast_state_is_read_by_records_and_changed_by_what_is_broadcast(env):
    class Apply(BroadcastProcessFunction):
        def process_element(self, value, ctx):
            rules = ctx.get_broadcast_state(RULES)
            yield (value, rules.get(value), sorted(rules.keys()))

        def process_broadcast_element(self, value, ctx):
            name, rule = value
            rules = ctx.get_broadcast_state(RULES)
            if rule is None:
                rules.remove(name)
            else:
                rules.put(name, rule)

    assert both_orders(env, Apply(), False) == [("a", 1, ["a"]), ("b", None, ["a"])]


def test_a_keyed_stream_beside_a_broadcast_has_its_own_state_and_timers_too(env):
    class Apply(KeyedBroadcastProcessFunction):
        def open(self, context):
            self.count = context.get_state(ValueStateDescriptor("count"))

        def process_element(self, value, ctx):
            self.count.update((self.count.value() or 0) + 1)
            ctx.timer_service().register_event_time_timer(5)
            yield (ctx.get_current_key(), ctx.get_broadcast_state(RULES)[value], self.count.value())

        def process_broadcast_element(self, value, ctx):
            if value[1] is not None:
                ctx.get_broadcast_state(RULES)[value[0]] = value[1]

        def on_timer(self, timestamp, ctx):
            yield ("timer", ctx.get_current_key(), len(list(ctx.get_broadcast_state(RULES))))

    assert both_orders(env, Apply(), True) == [("a", 1, 1), ("b", 2, 1), ("timer", "a", 2), ("timer", "b", 2)]


@pytest.mark.parametrize(
    "use",
    [
        lambda ctx: ctx.get_current_key(),
        lambda ctx: ctx.timer_service().register_event_time_timer(5),
        lambda ctx: ctx.timer_service().register_processing_time_timer(5),
        lambda ctx: ctx.timer_service().delete_event_time_timer(5),
    ],
)
def test_what_is_broadcast_has_no_key_and_no_timers(env, use):
    class Keyed(KeyedBroadcastProcessFunction):
        def process_element(self, value, ctx):
            ctx.timer_service().register_event_time_timer(5)

        def process_broadcast_element(self, value, ctx):
            use(ctx)

        def on_timer(self, timestamp, ctx): ...

    def slowly(value):
        time.sleep(0.2)
        return value

    # After a record, whose key is not that of what is broadcast.
    rules = env.from_collection([("a", 1)]).map(slowly).broadcast(RULES)
    stream = env.from_collection(["a"]).key_by(lambda value: value).connect(rules).process(Keyed())
    with pytest.raises(JobExecutionError) as raised:
        results(stream)
    assert isinstance(raised.value.__cause__, RuntimeError) and "what is broadcast has no" in str(raised.value.__cause__)


def test_records_cannot_change_broadcast_state(env):
    class Change(BroadcastProcessFunction):
        def process_element(self, value, ctx):
            ctx.get_broadcast_state(RULES).put("x", 1)

        def process_broadcast_element(self, value, ctx): ...

    with pytest.raises(JobExecutionError) as raised:
        both_orders(env, Change(), False)
    assert "process_broadcast_element" in str(raised.value.__cause__)


def test_none_is_a_key_and_a_value_of_broadcast_state_as_any_other(env):
    states = {}

    class Change(BroadcastProcessFunction):
        def process_element(self, value, ctx):
            yield sorted(map(repr, ctx.get_broadcast_state(RULES).items()))

        def process_broadcast_element(self, value, ctx):
            rules = ctx.get_broadcast_state(RULES)
            rules.put("gone", 1)
            rules.put(None, 0)
            rules.put("none", None)
            rules.put_all({1: "int", (frozenset([0, 8]),): "set"})
            rules.put(1.0, "float")
            rules.remove("gone")
            states.update(rules=rules, found=(rules.contains("none"), rules.get(None), rules.get((frozenset([8, 0]),))))

    expected = ["((frozenset({0, 8}),), 'set')", "('none', None)", "(1, 'int')", "(1.0, 'float')", "(None, 0)"]

    assert both_orders(env, Change(), False) == [sorted(expected)] * 2
    assert states["found"] == (True, 0, "set")


def test_the_engine_is_told_of_each_change_of_broadcast_state_for_what_it_is():
    class Change(BroadcastProcessFunction):
        def process_element(self, value, ctx): ...

        def process_broadcast_element(self, value, ctx):
            rules = ctx.get_broadcast_state(RULES)
            rules.put(None, 1)
            rules.put("none", None)
            rules.remove(None)
            rules.clear()

    _, _, process, _, _, changes = Broadcasting(Change(), ["rules"]).open(None)
    process(1, unittest.mock.Mock())

    assert changes() == [
        ("rules", "put", None, 1),
        ("rules", "put", "none", None),
        ("rules", "remove", None, None),
        ("rules", "clear", None, None),
    ]
    assert changes() == []


def test_what_cannot_be_a_key_of_broadcast_state_is_refused_where_it_is_put(env):
    class Change(BroadcastProcessFunction):
        def process_element(self, value, ctx): ...

        def process_broadcast_element(self, value, ctx):
            ctx.get_broadcast_state(RULES).put(object(), 1)

    with pytest.raises(JobExecutionError) as raised:
        both_orders(env, Change(), False)
    frames = [frame.name for frame in traceback.extract_tb(raised.value.__cause__.__traceback__)]
    assert isinstance(raised.value.__cause__, TypeError) and "process_broadcast_element" in frames


def test_functions_for_the_other_kind_of_stream_are_refused(env):
    class Keyed(KeyedCoProcessFunction):
        def process_element1(self, value, ctx): ...

        def process_element2(self, value, ctx): ...

    class Broadcast(BroadcastProcessFunction):
        def process_element(self, value, ctx): ...

        def process_broadcast_element(self, value, ctx): ...

    numbers = env.from_collection([1])
    with pytest.raises(BadInputType, match="key_by"):
        numbers.connect(numbers).process(Keyed())
    with pytest.raises(BadInputType, match="KeyedBroadcastProcessFunction"):
        numbers.key_by(lambda n: n).connect(numbers.broadcast(RULES)).process(Broadcast())


def test_streams_of_two_environments_do_not_meet(env):
    other = StreamExecutionEnvironment.get_execution_environment()

    with pytest.raises(Exception, match="same `StreamExecutionEnvironment`"):
        env.from_collection([1]).union(other.from_collection([2]))
