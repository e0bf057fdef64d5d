"""What is in state: each value by itself, at the cost of that value."""

import pytest

from riverrun.common import Time
from riverrun.datastream import KeyedProcessFunction, ProcessWindowFunction, Trigger, TriggerResult, serializers
from riverrun.datastream.exceptions import JobExecutionError
from riverrun.datastream.state import ListStateDescriptor, MapStateDescriptor, ValueStateDescriptor
from riverrun.datastream.window import CountTrigger, GlobalWindows, TumblingEventTimeWindows

from programs import by_field, results

MANY = 300


class Counted:
    """Says how often objects of it were stored and put together."""

    stored = loaded = 0

    def __init__(self, number):
        self.number = number


def to(counted):
    Counted.stored += 1
    return counted.number


def of(number):
    Counted.loaded += 1
    return Counted(number)


serializers.register(Counted, to=to, of=of)


@pytest.fixture(autouse=True)
def nothing_counted():
    Counted.stored = Counted.loaded = 0


def of_one_key(env, records):
    return env.from_collection(records).key_by(lambda record: 0)


def test_what_is_added_to_a_list_or_a_map_costs_itself_alone(env):
    class Add(KeyedProcessFunction):
        def open(self, context):
            self.list = context.get_list_state(ListStateDescriptor("list"))
            self.map = context.get_map_state(MapStateDescriptor("map"))

        def process_element(self, value, ctx):
            self.list.add(Counted(value))
            self.map.put(value, Counted(value))
            assert self.map.contains(value) and len(list(self.map.keys())) == value + 1
            if value == MANY - 1:
                costs = (Counted.stored, Counted.loaded)
                yield (*costs, self.map.get(7).number, [counted.number for counted in self.list.get()])

    assert results(of_one_key(env, range(MANY)).process(Add())) == [(2 * MANY, 0, 7, list(range(MANY)))]
    assert Counted.loaded == MANY + 1


def test_what_is_added_to_states_of_windows_and_their_keys_costs_itself_alone(env):
    class Add(ProcessWindowFunction):
        def process(self, key, context, elements):
            (value,) = elements
            for states in (context.window_state(), context.global_state()):
                states.get_list_state(ListStateDescriptor("list")).add(Counted(value))
                states.get_map_state(MapStateDescriptor("map")).put(value, Counted(value))
            if value == MANY - 1:
                yield (Counted.stored, Counted.loaded)
                for states in (context.window_state(), context.global_state()):
                    numbers = [counted.number for counted in states.get_list_state(ListStateDescriptor("list"))]
                    pairs = states.get_map_state(MapStateDescriptor("map")).items()
                    yield (numbers, [(key, counted.number) for key, counted in pairs])

    class EachAlone(CountTrigger):
        def on_element(self, element, timestamp, window, ctx):
            return TriggerResult.FIRE_AND_PURGE

    windows = of_one_key(env, range(MANY)).window(GlobalWindows.create()).trigger(EachAlone(1))
    numbers = list(range(MANY))

    assert results(windows.process(Add())) == [(4 * MANY, 0), *[(numbers, [(n, n) for n in numbers])] * 2]


def test_what_a_trigger_adds_to_its_state_costs_itself_alone(env):
    class Adds(Trigger):
        def on_element(self, element, timestamp, window, ctx):
            seen = ctx.get_partitioned_state(ListStateDescriptor("seen"))
            seen.add(Counted(element))
            return TriggerResult.FIRE if element == MANY - 1 and len(seen.get()) == MANY else TriggerResult.CONTINUE

        def on_processing_time(self, time, window, ctx): ...

        def on_event_time(self, time, window, ctx): ...

        def on_merge(self, window, ctx): ...

        def clear(self, window, ctx): ...

    class Costs(ProcessWindowFunction):
        def process(self, key, context, elements):
            yield (Counted.stored, len(elements))

    windows = of_one_key(env, range(MANY)).window(GlobalWindows.create()).trigger(Adds())

    assert results(windows.process(Costs())) == [(MANY, MANY)]


def test_records_wait_in_a_window_as_they_are(env):
    class Costs(ProcessWindowFunction):
        def process(self, key, context, elements):
            yield (len(elements), Counted.stored, Counted.loaded)

    stream = env.from_collection(range(MANY)).map(lambda n: (0, n, Counted(n))).assign_timestamps_and_watermarks(by_field(1))
    windows = stream.key_by(lambda record: record[0]).window(TumblingEventTimeWindows.of(Time.seconds(1)))

    assert results(windows.process(Costs())) == [(MANY, 0, 0)]


# Of each kind of state, how a value is put in and got out.
KINDS = {
    "value": (lambda get: get("state", ValueStateDescriptor("s")), lambda s, v: s.update(v), lambda s: s.value()),
    "list": (lambda get: get("list_state", ListStateDescriptor("s")), lambda s, v: s.add(v), lambda s: s.get()[0]),
    "lists": (lambda get: get("list_state", ListStateDescriptor("s")), lambda s, v: s.update([v]), lambda s: list(s)[0]),
    "map": (lambda get: get("map_state", MapStateDescriptor("s")), lambda s, v: s.put("k", v), lambda s: s.get("k")),
    "items": (lambda get: get("map_state", MapStateDescriptor("s")), lambda s, v: s.put_all({"k": v}), lambda s: list(s.items())[0][1]),
    "values": (lambda get: get("map_state", MapStateDescriptor("s")), lambda s, v: s.put("k", v), lambda s: list(s.values())[0]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["key", "window", "global"])
def test_an_object_that_is_changed_later_changes_no_state(env, kind, where):
    make, put, got = KINDS[kind]
    shared = {"n": [1]}

    def seen(state):
        if shared["n"] == [1]:
            put(state, shared)
            shared["n"].append("changed after it was put in")
        got(state)["n"].append("changed after it was got")
        return got(state)

    class OfKey(KeyedProcessFunction):
        def open(self, context):
            self.state = make(lambda kind, descriptor: getattr(context, f"get_{kind}")(descriptor))

        def process_element(self, value, ctx):
            yield seen(self.state)

    class OfWindow(ProcessWindowFunction):
        def process(self, key, context, elements):
            states = context.window_state() if where == "window" else context.global_state()
            yield seen(make(lambda kind, descriptor: getattr(states, f"get_{kind}")(descriptor)))

    keyed = of_one_key(env, range(3))
    stream = (
        keyed.process(OfKey())
        if where == "key"
        else keyed.window(GlobalWindows.create()).trigger(CountTrigger.of(1)).process(OfWindow())
    )

    assert results(stream) == [{"n": [1]}] * 3


def test_keys_that_put_in_one_object_do_not_share_it(env):
    template = {"keys": []}

    class Note(KeyedProcessFunction):
        def open(self, context):
            self.seen = context.get_state(ValueStateDescriptor("seen"))

        def process_element(self, value, ctx):
            if self.seen.value() is None:
                self.seen.update(template)
            seen = self.seen.value()
            seen["keys"].append(value)
            self.seen.update(seen)
            yield seen["keys"]

    assert results(env.from_collection([1, 2, 1]).key_by(lambda n: n).process(Note())) == [[1], [2], [1, 1]]


def test_states_of_windows_have_all_their_methods(env):
    class Methods(ProcessWindowFunction):
        def process(self, key, context, elements):
            for states in (context.window_state(), context.global_state()):
                map_state, list_state = states.get_map_state(MapStateDescriptor("m")), states.get_list_state(ListStateDescriptor("l"))
                map_state.put_all({1: "int", "1": "text"})
                map_state[(1, 2)] = "tuple"
                map_state.remove(1)
                map_state.remove("absent")
                yield (1 in map_state, map_state["1"], dict(map_state.items()), map_state.is_empty())
                for name in list(map_state):
                    del map_state[name]
                list_state.add_all([])
                list_state.add_all([1, 2])
                list_state.update([*list_state, 3])
                yield (map_state.is_empty(), map_state.get("1"), list(list_state))
                list_state.update([])
                list_state.clear()
                yield list_state.get()

    stream = of_one_key(env, [1]).window(GlobalWindows.create()).trigger(CountTrigger.of(1)).process(Methods())

    assert results(stream) == [
        (False, "text", {"1": "text", (1, 2): "tuple"}, False),
        (True, None, [1, 2, 3]),
        [],
    ] * 2


def test_a_state_of_a_window_under_two_kinds_or_after_its_call_says_so(env):
    def first_error(process):
        class Misuses(ProcessWindowFunction):
            kept = None

            def process(self, key, context, elements):
                return process(self, context)

        windows = of_one_key(env, [1, 2]).window(GlobalWindows.create()).trigger(CountTrigger.of(1))
        with pytest.raises(JobExecutionError) as raised:
            results(windows.process(Misuses()))
        return str(raised.value.__cause__)

    def two_kinds(function, context):
        context.window_state().get_list_state(ListStateDescriptor("twice")).add(1)
        context.window_state().get_state(ValueStateDescriptor("twice")).value()

    def after_its_call(function, context):
        function.kept = function.kept or context.window_state().get_state(ValueStateDescriptor("kept"))
        function.kept.update(1)

    assert "the state `twice` is a list state, and was asked for as a value state" in first_error(two_kinds)
    assert "after the call that it was got in; get it from the context of each call" in first_error(after_its_call)
