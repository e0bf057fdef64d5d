"""The stream program of the seed: BentoML's embedded runner inside a map of PyFlink, in process mode.

    BENTOML_HOME=... python seed_program.py TEXTS_FILE RESULTS_FILE PARALLELISM TORCH_THREADS

Each result goes to RESULTS_FILE.<process id> as one JSON line: when it was there, the record's number, label and score.
Lines are written by the function itself, at the moment of the result; the program's `print` sink comes after it.
"""

import json
import os
import sys
import time

import bentoml
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.functions import MapFunction, RuntimeContext


class ClassifyFunction(MapFunction):
    def __init__(self, results, threads):
        self.results, self.threads = results, threads

    def open(self, runtime_context: RuntimeContext):
        self.runner = bentoml.transformers.get("text-classification:latest").to_runner()
        self.runner.init_local()
        if self.threads:
            # The runner sets one for all of the machine's cores while it loads.
            import torch

            torch.set_num_threads(self.threads)
        self.file = open(f"{self.results}.{os.getpid()}.{id(self)}", "w", buffering=1)

    def map(self, data):
        classified = self.runner.run(data[1])
        best = classified[0] if isinstance(classified, list) else classified
        # Not `print`, which is PyFlink's own in a worker that is a process.
        self.file.write(json.dumps([time.time(), data[0], best["label"], best["score"]]) + "\n")
        return data[0], classified


def classify_tweets(texts, results, parallelism, threads):
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(parallelism)
    ds = env.from_collection(collection=list(enumerate(texts)))
    if parallelism > 1:
        ds = ds.rebalance()
    ds = ds.map(ClassifyFunction(results, threads))
    ds.print()
    env.execute()


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    with open(sys.argv[1]) as file:
        texts = file.read().split("\n")
    if texts[-1] == "":
        texts.pop()
    classify_tweets(texts, sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))


if __name__ == "__main__":
    main()
