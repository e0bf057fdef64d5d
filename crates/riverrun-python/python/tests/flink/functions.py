"""A program for Apache Flink whose functions call a model: `python functions.py MODE PARALLELISM PLACE [DEPENDENCIES]`.

MODE is `process` or `thread`. The last line is what the jobs gave, as JSON: a list of `[number, label]` each. In the directory PLACE every
function object leaves a file: in which process it was, its own calls, and how many texts the runner had computed, for whomever. DEPENDENCIES
is a directory with what workers need that have nothing: `requirements.txt`, `wheels` and `store.zip`.
"""

import asyncio
import json
import os
import pathlib
import sys
import time
import uuid

import riverrun
from pyflink.common import Configuration, Time, WatermarkStrategy
from pyflink.common.watermark_strategy import TimestampAssigner
from pyflink.datastream import (
    AsyncDataStream,
    AsyncFunction,
    MapFunction,
    ProcessWindowFunction,
    StreamExecutionEnvironment,
    WindowFunction,
)
from pyflink.datastream.window import TumblingEventTimeWindows

TEXTS = ["What a lovely day", "This is awful", "I love it", "Never again", "See you on Monday", "It made me cry"]
RECORDS = [(number, f"{TEXTS[number % len(TEXTS)]} {number}") for number in range(24)]

JOBS = {"process": ["map", "process", "apply", "async"], "thread": ["map", "process", "apply"]}


class Classify:
    """What all functions here have in common: the runner is opened in `open` and released in `close`."""

    def __init__(self, place, job, subtasks=1):
        self.place, self.job, self.subtasks = place, job, subtasks
        self.calls = 0

    def open(self, runtime_context):
        if os.path.isdir("store"):
            os.environ["RIVERRUN_HOME"] = os.path.abspath("store")
        self.runner = riverrun.transformers.get("text-classification:latest").to_runner()
        self.runner.init_local()
        (self.place / f"{self.job}-opened-{uuid.uuid4()}").touch()

    def wait(self):
        """All subtasks have the model before one of them begins, so that it can be seen whether they have it together."""
        deadline = time.monotonic() + 60
        while len(list(self.place.glob(f"{self.job}-opened-*"))) < self.subtasks:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all of the {self.subtasks} functions of {self.job} were opened")
            time.sleep(0.01)

    def close(self):
        before = self.runner.stats()["items"]
        self.runner.destroy()
        left = {"job": self.job, "pid": os.getpid(), "calls": self.calls, "items": before}
        (self.place / f"{self.job}-closed-{uuid.uuid4()}.json").write_text(json.dumps(left))

    def label(self, text):
        if not self.calls:
            self.wait()
        self.calls += 1
        return self.runner.run(text)[0]["label"]


class Map(Classify, MapFunction):
    def map(self, record):
        return record[0], self.label(record[1])


class MapAgain(Classify, MapFunction):
    """Behind `Map` in the same chain."""

    def map(self, labelled):
        self.label(RECORDS[labelled[0]][1])
        return labelled


class Pane(Classify, ProcessWindowFunction):
    def process(self, key, context, elements):
        for number, text in elements:
            yield number, self.label(text)


class Whole(Classify, WindowFunction):
    def apply(self, key, window, inputs):
        inputs = list(inputs)
        self.calls += len(inputs)
        results = self.runner.predict.run([text for _, text in inputs])
        return [(number, result["label"]) for (number, _), result in zip(inputs, results)]


class Ask(Classify, AsyncFunction):
    async def async_invoke(self, record):
        self.calls += 1
        # Gives way first, so that calls overlap.
        await asyncio.sleep(0)
        return [(record[0], (await self.runner.async_run(record[1]))[0]["label"])]


class Number(TimestampAssigner):
    def extract_timestamp(self, value, record_timestamp):
        return value[0] * 100


def windows(stream):
    strategy = WatermarkStrategy.for_monotonous_timestamps().with_timestamp_assigner(Number())
    keyed = stream.assign_timestamps_and_watermarks(strategy).key_by(lambda record: record[0] % 2)
    return keyed.window(TumblingEventTimeWindows.of(Time.seconds(1)))


def collected(stream):
    return sorted([number, label] for number, label in stream.execute_and_collect())


def main(mode, parallelism, place, dependencies=None):
    configuration = Configuration()
    configuration.set_string("python.execution-mode", mode)
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    env.set_parallelism(1)
    if dependencies:
        env.set_python_requirements(f"{dependencies}/requirements.txt", f"{dependencies}/wheels")
        env.add_python_archive(f"{dependencies}/store.zip", "store")
    records = env.from_collection(RECORDS)
    spread = records.rebalance()

    functions = 2 * parallelism
    jobs = {
        "map": spread.map(Map(place, "map", functions))
        .set_parallelism(parallelism)
        .map(MapAgain(place, "map", functions))
        .set_parallelism(parallelism),
        "process": windows(records).process(Pane(place, "process")),
        "apply": windows(records).apply(Whole(place, "apply")),
    }
    if mode == "process":
        jobs["async"] = AsyncDataStream.unordered_wait(records, Ask(place, "async"), Time.seconds(60), 8)
    print(json.dumps({name: collected(stream) for name, stream in jobs.items()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3]), *sys.argv[4:])
