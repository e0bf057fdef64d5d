"""A map with a Python function: `python maps.py MODE PARALLELISM RECORDS RESULTS`, on the host that its imports name.

MODE is PyFlink's, `process` or `thread`; the local host has no such thing, and it is `local`. Each subtask leaves a JSON line in
RESULTS.<id>: when it had its first record and its last, by the clock, and how many.
"""

import json
import sys
import time
import uuid

from pyflink.common import Configuration, WatermarkStrategy
from pyflink.datastream import MapFunction, StreamExecutionEnvironment
from pyflink.datastream.connectors.number_seq import NumberSequenceSource


class Add(MapFunction):
    def __init__(self, results):
        self.results = results

    def open(self, runtime_context):
        # PyFlink's thread mode knows no index of the subtask.
        self.subtask = uuid.uuid4()
        self.count, self.first, self.last = 0, 0.0, 0.0

    def map(self, number):
        self.count += 1
        # The clock is asked seldom enough to cost nothing.
        if self.count == 1 or not self.count % 1000:
            self.last = time.time()
            self.first = self.first or self.last
        return number + 1

    def close(self):
        with open(f"{self.results}.{self.subtask}", "w") as file:
            json.dump({"first": self.first, "last": self.last, "count": self.count // 1000 * 1000}, file)


def main(mode, parallelism, records, results):
    configuration = Configuration()
    if mode != "local":
        configuration.set_string("python.execution-mode", mode)
        configuration.set_string("pipeline.object-reuse", "true")
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    env.set_parallelism(parallelism)
    numbers = env.from_source(NumberSequenceSource(1, records), WatermarkStrategy.no_watermarks(), "numbers")
    # Nothing is printed: no number is negative.
    numbers.map(Add(results)).filter(lambda number: number < 0).print()
    env.execute()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
