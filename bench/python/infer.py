"""The seed's job with `infer` in place of the map: `python infer.py TEXTS_FILE RESULTS_FILE PARALLELISM 0`.

Each result goes to RESULTS_FILE.0 as one JSON line, as seed_program.py of `bench/peers` writes it.
"""

import json
import sys
import time

import riverrun
from riverrun.datastream import StreamExecutionEnvironment


def main():
    texts = open(sys.argv[1]).read().rstrip("\n").split("\n")
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(int(sys.argv[3]))
    runner = riverrun.transformers.get("text-classification:latest").to_runner()
    labelled = env.from_collection(list(enumerate(texts))).infer(runner, lambda pair: pair[1])
    with open(f"{sys.argv[2]}.0", "w") as file, labelled.execute_and_collect() as results:
        for (number, _), (best,) in results:
            print(json.dumps([time.time(), number, best["label"], best["score"]]), file=file, flush=True)


if __name__ == "__main__":
    main()
