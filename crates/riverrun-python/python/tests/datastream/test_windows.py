"""Windows, triggers, and what is late."""

import time

import pytest

from riverrun.common import Time, Types
from riverrun.datastream import (
    AggregateFunction,
    MergingWindowAssigner,
    OutputTag,
    ProcessWindowFunction,
    Trigger,
    TriggerResult,
    WindowAssigner,
    WindowFunction,
)
from riverrun.datastream.functions import AllWindowFunction, ProcessAllWindowFunction
from riverrun.datastream.state import ReducingStateDescriptor, ValueStateDescriptor
from riverrun.datastream.window import (
    ContinuousEventTimeTrigger,
    CountTrigger,
    CountWindow,
    EventTimeSessionWindows,
    EventTimeTrigger,
    GlobalWindow,
    GlobalWindows,
    PurgingTrigger,
    SessionWindowTimeGapExtractor,
    SlidingEventTimeWindows,
    TimeWindow,
    TumblingEventTimeWindows,
    TumblingProcessingTimeWindows,
)
from riverrun.exceptions import BadInput, BadInputType, NotSupported

from programs import by_field, results

TIMES = [("a", 1), ("b", 2), ("a", 3), ("a", 6), ("b", 11)]


class Gather(ProcessWindowFunction):
    def process(self, key, context, elements):
        window = context.window()
        yield (key, (window.start, window.end), [element[1] for element in elements])


class Apply(WindowFunction):
    def apply(self, key, window, inputs):
        return [(key, window, [element[1] for element in inputs])]


def stamped(env, pairs=TIMES):
    return env.from_collection(pairs).assign_timestamps_and_watermarks(by_field(1))


def windowed(env, assigner, pairs=TIMES):
    return stamped(env, pairs).key_by(lambda pair: pair[0]).window(assigner)


def test_tumbling_sliding_and_session_windows_gather_what_belongs_to_them(env):
    tumbling = windowed(env, TumblingEventTimeWindows.of(Time.milliseconds(5)))
    shifted = windowed(env, TumblingEventTimeWindows.of(Time.milliseconds(5), Time.milliseconds(1)))
    sliding = windowed(env, SlidingEventTimeWindows.of(Time.milliseconds(6), Time.milliseconds(3)))
    sessions = windowed(env, EventTimeSessionWindows.with_gap(Time.milliseconds(3)))

    assert results(tumbling.process(Gather())) == [
        ("a", (0, 5), [1, 3]),
        ("b", (0, 5), [2]),
        ("a", (5, 10), [6]),
        ("b", (10, 15), [11]),
    ]
    assert ("a", (1, 6), [1, 3]) in results(shifted.process(Gather()))
    assert results(sliding.process(Gather()))[:3] == [
        ("a", (-3, 3), [1]),
        ("b", (-3, 3), [2]),
        ("a", (0, 6), [1, 3]),
    ]
    assert sorted(results(sessions.process(Gather()))) == [
        ("a", (1, 9), [1, 3, 6]),
        ("b", (2, 5), [2]),
        ("b", (11, 14), [11]),
    ]


def test_a_session_may_take_its_gap_from_the_record(env):
    class Gap(SessionWindowTimeGapExtractor):
        def extract(self, element):
            return element[2]

    pairs = [("a", 1, 1), ("a", 5, 10), ("a", 14, 1)]
    sessions = windowed(env, EventTimeSessionWindows.with_dynamic_gap(Gap()), pairs)

    assert results(sessions.process(Gather())) == [("a", (1, 2), [1]), ("a", (5, 15), [5, 14])]


def test_windows_of_processing_time_end_with_the_input(env):
    hour = TumblingProcessingTimeWindows.of(Time.hours(1))
    stream = env.from_collection(TIMES).key_by(lambda pair: pair[0]).window(hour)

    assert [(key, times) for key, _, times in results(stream.apply(Apply()))] == [("a", [1, 3, 6]), ("b", [2, 11])]


def test_a_window_may_reduce_or_aggregate_as_its_records_come(env):
    class Mean(AggregateFunction):
        def create_accumulator(self):
            return (0, 0)

        def add(self, value, accumulator):
            return (accumulator[0] + value[1], accumulator[1] + 1)

        def get_result(self, accumulator):
            return accumulator[0] / accumulator[1]

        def merge(self, acc_a, acc_b):
            return (acc_a[0] + acc_b[0], acc_a[1] + acc_b[1])

    class Name(ProcessWindowFunction):
        def process(self, key, context, elements):
            yield (key, *elements)

    def windows():
        return windowed(env, TumblingEventTimeWindows.of(Time.milliseconds(10)))

    def sessions():
        return windowed(env, EventTimeSessionWindows.with_gap(Time.milliseconds(4)))

    add = lambda one, other: (one[0], one[1] + other[1])  # noqa: E731

    assert results(windows().reduce(add)) == [("a", 10), ("b", 2), ("b", 11)]
    assert results(windows().reduce(add, Name())) == [("a", ("a", 10)), ("b", ("b", 2)), ("b", ("b", 11))]
    assert results(windows().aggregate(Mean())) == [10 / 3, 2.0, 11.0]
    assert results(windows().aggregate(Mean(), Name())) == [("a", 10 / 3), ("b", 2.0), ("b", 11.0)]
    assert sorted(results(sessions().aggregate(Mean(), Name()))) == [("a", 10 / 3), ("b", 2.0), ("b", 11.0)]


def test_count_windows_fire_when_they_are_full(env):
    def of(*sizes):
        stream = env.from_collection([("a", n) for n in range(5)] + [("b", 9)]).key_by(lambda pair: pair[0])
        return results(stream.count_window(*sizes).apply(Apply()))

    assert of(2) == [("a", CountWindow(0), [0, 1]), ("a", CountWindow(1), [2, 3])]
    assert of(3, 1) == [
        ("a", CountWindow(0), [0, 1, 2]),
        ("a", CountWindow(1), [1, 2, 3]),
        ("a", CountWindow(2), [2, 3, 4]),
    ]
    assert of(1)[-1] == ("b", CountWindow(0), [9])


def test_a_count_window_may_reduce(env):
    numbers = env.from_collection(range(6)).key_by(lambda n: n % 2)

    assert results(numbers.count_window(3).reduce(lambda one, other: one + other)) == [6, 9]


def test_windows_over_all_keys_come_from_one_subtask():
    from riverrun.datastream import StreamExecutionEnvironment

    class All(AllWindowFunction):
        def apply(self, window, inputs):
            return [(window, sorted(element[1] for element in inputs))]

    class Process(ProcessAllWindowFunction):
        def process(self, context, elements):
            yield (context.window().end, len(elements))

    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(2)
    ten = TumblingEventTimeWindows.of(Time.milliseconds(10))

    assert results(stamped(env).window_all(ten).apply(All())) == [
        (TimeWindow(0, 10), [1, 2, 3, 6]),
        (TimeWindow(10, 20), [11]),
    ]
    assert results(stamped(env).window_all(ten).process(Process())) == [(10, 4), (20, 1)]
    assert results(stamped(env).window_all(ten).reduce(max)) == [("b", 2), ("b", 11)]


def test_late_records_come_out_aside_or_have_the_window_fire_again(env):
    def slowly(pair):
        # So that the watermark goes on while records come.
        time.sleep(0.01)
        return pair

    late = OutputTag("late")
    pairs = env.from_collection([("a", 1), *[("a", 100)] * 60, ("a", 2)]).map(slowly)
    env.set_buffer_timeout(0)
    env.get_config().set_auto_watermark_interval(10)
    keyed = pairs.assign_timestamps_and_watermarks(by_field(1)).key_by(lambda pair: pair[0])
    five = TumblingEventTimeWindows.of(Time.milliseconds(5))

    strict = keyed.window(five).side_output_late_data(late).process(Gather())
    found = results(strict.get_side_output(late).map(lambda pair: ("late", pair)).union(strict))
    lenient = results(keyed.window(five).allowed_lateness(1000).process(Gather()))

    assert [record for record in found if record[1] != (100, 105)] == [("a", (0, 5), [1]), ("late", ("a", 2))]
    assert [times for _, window, times in lenient if window == (0, 5)] == [[1], [1, 2]]


def test_windows_have_state_of_their_own_and_of_their_key(env):
    class Count(ProcessWindowFunction):
        def process(self, key, context, elements):
            of_window = context.window_state().get_state(ValueStateDescriptor("n", Types.INT()))
            of_key = context.global_state().get_state(ValueStateDescriptor("n", Types.INT()))
            for state in (of_window, of_key):
                state.update((state.value() or 0) + 1)
            yield (key, context.window().start, of_window.value(), of_key.value())

        def clear(self, context):
            context.window_state().get_state(ValueStateDescriptor("n", Types.INT())).clear()

    each = windowed(env, TumblingEventTimeWindows.of(Time.milliseconds(5))).trigger(CountTrigger.of(1))

    assert results(each.process(Count())) == [
        ("a", 0, 1, 1),
        ("b", 0, 1, 1),
        ("a", 0, 2, 2),
        ("a", 5, 1, 3),
        ("b", 10, 1, 2),
    ]


def test_merging_windows_have_no_state_of_their_own_and_say_so(env):
    class Ask(ProcessWindowFunction):
        def process(self, key, context, elements):
            context.window_state()

    sessions = windowed(env, EventTimeSessionWindows.with_gap(Time.milliseconds(3))).process(Ask())

    with pytest.raises(Exception) as raised:
        results(sessions)
    assert "windows that merge have no state of their own" in str(raised.value.__cause__)


def test_triggers_say_when_and_whether_a_window_is_emptied(env):
    pairs = [("a", n) for n in range(5)]

    def of(trigger):
        stream = env.from_collection(pairs).key_by(lambda pair: pair[0]).window(GlobalWindows.create()).trigger(trigger)
        return [values for _, _, values in results(stream.apply(Apply()))]

    assert of(CountTrigger.of(2)) == [[0, 1], [0, 1, 2, 3]]
    assert of(PurgingTrigger.of(CountTrigger.of(2))) == [[0, 1], [2, 3]]
    continuous = windowed(env, TumblingEventTimeWindows.of(Time.milliseconds(10))).trigger(
        ContinuousEventTimeTrigger.of(Time.milliseconds(5))
    )
    assert results(continuous.process(Gather()))[-1] == ("b", (10, 20), [11])


def test_a_trigger_of_ones_own_has_state_and_timers(env):
    class EveryOther(Trigger):
        @staticmethod
        def create():
            return EveryOther()

        def state(self, ctx):
            return ctx.get_partitioned_state(ReducingStateDescriptor("n", lambda a, b: a + b, Types.INT()))

        def on_element(self, element, timestamp, window, ctx):
            ctx.register_event_time_timer(window.max_timestamp())
            self.state(ctx).add(1)
            return TriggerResult.FIRE if self.state(ctx).get() % 2 == 0 else TriggerResult.CONTINUE

        def on_event_time(self, time, window, ctx):
            return TriggerResult.FIRE_AND_PURGE

        def on_processing_time(self, time, window, ctx):
            return TriggerResult.CONTINUE

        def on_merge(self, window, ctx):
            ctx.merge_partitioned_state(ReducingStateDescriptor("n", lambda a, b: a + b))

        def can_merge(self):
            return True

        def clear(self, window, ctx):
            self.state(ctx).clear()

    pairs = [("a", 1), ("a", 2), ("a", 3)]
    tumbling = windowed(env, TumblingEventTimeWindows.of(Time.milliseconds(10)), pairs).trigger(EveryOther())
    sessions = windowed(env, EventTimeSessionWindows.with_gap(Time.milliseconds(5)), pairs).trigger(EveryOther())

    assert results(tumbling.process(Gather())) == [("a", (0, 10), [1, 2]), ("a", (0, 10), [1, 2, 3])]
    assert results(sessions.process(Gather()))[-1] == ("a", (1, 8), [1, 2, 3])


def test_the_engines_triggers_do_the_same_when_a_trigger_of_ones_own_calls_them(env):
    class Wrapped(EventTimeTrigger):
        """Another class, so that it runs in Python."""

    class WrappedCount(CountTrigger):
        """Another class, so that it runs in Python."""

    class WrappedContinuous(ContinuousEventTimeTrigger):
        """Another class, so that it runs in Python."""

    def of(assigner, trigger):
        return results(windowed(env, assigner).trigger(trigger).process(Gather()))

    five, sessions = TumblingEventTimeWindows.of(Time.milliseconds(5)), EventTimeSessionWindows.with_gap(Time.milliseconds(3))

    assert of(five, Wrapped()) == of(five, EventTimeTrigger())
    assert of(sessions, Wrapped()) == of(sessions, EventTimeTrigger())
    assert of(five, WrappedCount(2)) == of(five, CountTrigger(2))
    assert of(five, WrappedContinuous(2)) == of(five, ContinuousEventTimeTrigger(2))


def test_an_assigner_of_ones_own_assigns(env):
    class ByKey(WindowAssigner):
        def assign_windows(self, element, timestamp, context):
            assert context.get_current_processing_time() > 0
            return [TimeWindow(0, 100), TimeWindow(timestamp, timestamp + 1)]

        def get_default_trigger(self, env):
            return EventTimeTrigger()

        def get_window_serializer(self):
            return None

        def is_event_time(self):
            return True

    found = results(windowed(env, ByKey(), [("a", 1), ("a", 2)]).process(Gather()))

    assert found == [("a", (1, 2), [1]), ("a", (2, 3), [2]), ("a", (0, 100), [1, 2])]


def test_windows_that_cannot_be_are_refused_where_they_are_made(env):
    keyed = env.from_collection([1]).key_by(lambda n: n)

    with pytest.raises(BadInput, match="size of 0"):
        TumblingEventTimeWindows.of(Time.seconds(0))
    with pytest.raises(BadInput, match="at least 1"):
        keyed.count_window(0)
    with pytest.raises(BadInputType, match="WindowAssigner"):
        keyed.window("hour")
    with pytest.raises(BadInputType, match="WindowFunction"):
        keyed.window(GlobalWindows.create()).apply(lambda key, window, inputs: [])
    with pytest.raises(BadInputType, match="cannot"):
        keyed.window(EventTimeSessionWindows.with_gap(Time.seconds(1))).trigger(NeverMerging())
    with pytest.raises(NotSupported):
        keyed.window(MyMerging())


class NeverMerging(CountTrigger):
    def __init__(self):
        super().__init__(1)

    def can_merge(self):
        return False


class MyMerging(MergingWindowAssigner):
    def assign_windows(self, element, timestamp, context): ...

    def get_default_trigger(self, env): ...

    def get_window_serializer(self): ...

    def is_event_time(self): ...

    def merge_windows(self, windows, callback): ...


def test_time_windows_merge_as_a_trigger_sees_them():
    merged = []

    class Note(MergingWindowAssigner.MergeCallback):
        def merge(self, to_be_merged, merge_result):
            merged.append((list(to_be_merged), merge_result))

    TimeWindow.merge_windows([TimeWindow(9, 12), TimeWindow(0, 3), TimeWindow(2, 5)], Note())

    assert merged == [([TimeWindow(0, 3), TimeWindow(2, 5)], TimeWindow(0, 5))]
    assert GlobalWindow.get() == GlobalWindow()
