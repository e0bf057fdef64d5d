"""Whether memory stays flat while Python callbacks see many records.

    python memory.py [RECORDS]

Runs streams of RECORDS numbers in all (10,000,000 without it) through every kind of function, and prints after each part what the process has
in RAM, and what `tracemalloc` has seen allocated in Python and not freed. The package has to be importable.
"""

import gc
import sys
import tracemalloc

from riverrun.common import Time, Types
from riverrun.common.watermark_strategy import TimestampAssigner, WatermarkStrategy
from riverrun.datastream import StreamExecutionEnvironment
from riverrun.datastream.functions import KeyedProcessFunction, ProcessWindowFunction
from riverrun.datastream.state import ListStateDescriptor, MapStateDescriptor, ValueStateDescriptor
from riverrun.datastream.window import TumblingEventTimeWindows


class Itself(TimestampAssigner):
    def extract_timestamp(self, value, record_timestamp):
        return value


class Keeps(KeyedProcessFunction):
    def open(self, runtime_context):
        self.count = runtime_context.get_state(ValueStateDescriptor("count", Types.LONG()))
        self.last = runtime_context.get_list_state(ListStateDescriptor("last", Types.LONG()))
        self.places = runtime_context.get_map_state(MapStateDescriptor("places", Types.LONG(), Types.STRING()))

    def process_element(self, value, ctx):
        count = (self.count.value() or 0) + 1
        self.count.update(count)
        self.last.add(value)
        self.places.put(value % 10, str(value))
        ctx.timer_service().register_event_time_timer(value + 100)
        if count % 100 == 0:
            self.last.update(list(self.last.get())[-10:])

    def on_timer(self, timestamp, ctx):
        if timestamp % 1000 == 0:
            yield timestamp


class Counts(ProcessWindowFunction):
    def process(self, key, context, elements):
        yield key, len(list(elements))


def plain(numbers):
    return numbers.map(lambda value: value + 1).filter(lambda value: value % 2 == 0).flat_map(lambda value: [value, str(value)])


def reduced(numbers):
    return numbers.map(lambda value: (value % 100, value)).key_by(lambda pair: pair[0]).reduce(lambda a, b: (a[0], a[1] + b[1]))


def timed(numbers):
    return numbers.assign_timestamps_and_watermarks(
        WatermarkStrategy.for_monotonous_timestamps().with_timestamp_assigner(Itself())
    ).key_by(lambda value: value % 100)


def kept(numbers):
    return timed(numbers).process(Keeps())


def windowed(numbers):
    return timed(numbers).window(TumblingEventTimeWindows.of(Time.seconds(1))).process(Counts())


def resident():
    """Bytes in RAM."""
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("there is no VmRSS here")


def main():
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    part = max(records // 20, 1)
    tracemalloc.start()
    print(f"{'records':>12} {'through':>10} {'RAM, MiB':>10} {'tracemalloc, MiB':>18}")
    seen = 0
    for _ in range(5):
        for build in (plain, reduced, kept, windowed):
            env = StreamExecutionEnvironment.get_execution_environment().set_parallelism(1)
            # Numbers are made as they are asked for: what is kept is not the collection.
            build(env.from_collection(range(part))).filter(lambda value: False).print()
            env.execute()
            seen += part
            gc.collect()
            print(f"{seen:>12,} {build.__name__:>10} {resident() / 2**20:>10.1f} {tracemalloc.get_traced_memory()[0] / 2**20:>18.2f}", flush=True)


if __name__ == "__main__":
    main()
