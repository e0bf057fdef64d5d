"""Nothing is kept of what has gone by. `RIVERRUN_RECORDS` sets how many records go by: a few million prove more."""

import gc
import os
import resource
import tracemalloc

from riverrun.datastream import StreamExecutionEnvironment

RECORDS = int(os.environ.get("RIVERRUN_RECORDS", "300000"))


def run(records):
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(2)
    pairs = env.from_collection(range(records)).map(lambda n: (n % 100, str(n)))
    lengths = pairs.flat_map(lambda pair: [pair, pair]).key_by(lambda pair: pair[0]).map(lambda pair: len(pair[1]))
    lengths.key_by(lambda n: n).reduce(max).filter(lambda n: n < 0).print()
    env.execute()
    gc.collect()


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def test_memory_is_flat_over_many_records():
    run(RECORDS)
    tracemalloc.start()
    try:
        run(RECORDS // 10)
        python, whole = tracemalloc.get_traced_memory()[0], resident()
        run(RECORDS)

        # Less than any object would take that was kept of each record; the allocator keeps some memory whatever their number.
        assert tracemalloc.get_traced_memory()[0] - python < RECORDS // 2
        assert resident() - whole < 32 * RECORDS + (4 << 20)
    finally:
        tracemalloc.stop()
