"""Measures Python stream programs here and in PyFlink, in one run whose rounds alternate between the sides.

    python3 bench/python/run.py [--texts FILE] [--head FILE] [--lines N] [--records N] [--rounds N] [--only classify|maps]

What is measured is in the README beside this file. Results also go to `target/peers/python-results.json`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SEED = ROOT / "bench" / "peers" / "seed_program.py"

sys.path.append(str(SEED.parent))

from commands import build_measure, package, pin_to_cores, run, say  # noqa: E402
from seed import Seed  # noqa: E402
from sides import Riverrun  # noqa: E402
from workload import make_model_with, make_texts  # noqa: E402

# What a record of each side is run by: the program's source with other imports, and nothing else.
SIDES = {
    "seed": (SEED, {}),
    "riverrun in PyFlink": (SEED, {"import bentoml": "import riverrun as bentoml"}),
    "riverrun": (SEED, {"import bentoml": "import riverrun as bentoml", "pyflink": "riverrun"}),
    "riverrun, infer": (HERE / "infer.py", {}),
    "riverrun, infer, in Rust": None,
}
MAPS = {"process": {}, "thread": {}, "local": {"pyflink": "riverrun"}}


def resident(group):
    """Bytes of memory of all processes of a group, what they share counted once."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) != group:
                continue
            rollup = (process / "smaps_rollup").read_text()
        except (OSError, ValueError):
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
    return total


def watched(command, environment):
    """Runs a program; when it began, and the most memory that it and its children had."""
    started, peak = time.time(), 0
    process = subprocess.Popen(
        [str(part) for part in command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    said = []
    reader = threading.Thread(target=lambda: said.append(process.stderr.read()), daemon=True)
    reader.start()
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        time.sleep(0.1)
    reader.join(5)
    if process.returncode != 0:
        raise RuntimeError(f"{command[1]} failed:\n" + "".join(said)[-3000:])
    return started, peak


def written(source, changes, place):
    """A program with other imports."""
    text = source.read_text()
    for old, new in changes.items():
        text = text.replace(old, new)
    program = place / source.name
    program.write_text(text)
    return program


class Bench:
    def __init__(self, arguments, work):
        self.work, self.arguments = work, arguments
        model = make_model_with(arguments.head, work)
        texts, lines = make_texts(arguments.texts, arguments.lines, work)
        first = work / "first.txt"
        first.write_text("".join(line + "\n" for line in lines[:5]))
        self.texts, self.first, self.lines = texts, first, len(lines)
        # It installs the seed's environment and puts the model into BentoML's store.
        self.seed = Seed(model, texts, first, work)
        self.rust = Riverrun(build_measure(), model, texts, first, "f32")
        home = work / "python-store"
        # On its mini-cluster PyFlink runs all workers in the client's process, unless told to start them as a cluster does.
        as_on_a_cluster = {"_python_worker_execution_mode": "process"}
        self.environment = self.seed.environment | as_on_a_cluster | {"PYTHONPATH": str(package(work)), "RIVERRUN_HOME": str(home)}
        shutil.rmtree(home, ignore_errors=True)
        save = "import sys, riverrun; riverrun.transformers.save_model('text-classification', sys.argv[1])"
        run([self.seed.python, "-c", save, model], env=self.environment)

    def classify(self, side, texts, parallelism, threads):
        """When it began, its peak of memory, and the results of each worker."""
        place = self._place()
        program = written(*SIDES[side], place)
        began, peak = watched([self.seed.python, program, texts, place / "results", parallelism, threads], self.environment)
        workers = [[json.loads(line) for line in open(file)] for file in place.glob("results.*")]
        return began, peak, [worker for worker in workers if worker]

    def classified(self, side):
        if SIDES[side] is None:
            measured, _ = self.rust.measure()
            return {"records/s, parallelism 2": measured["stream_per_second"]}
        figures = {}
        began, _, workers = self.classify(side, self.first, 1, 0)
        figures["first result of 5, s"] = min(worker[0][0] for worker in workers) - began
        for parallelism in (1, 2):
            # BentoML's runner takes all cores for each worker; with two, each has one, as a user of it would come to.
            threads = 1 if side == "seed" and parallelism == 2 else 0
            _, peak, workers = self.classify(side, self.texts, parallelism, threads)
            results = sum(map(len, workers))
            if results != self.lines:
                raise RuntimeError(f"{side} had {results} results for {self.lines} records")
            warm = max(worker[min(16, len(worker) // 4)][0] for worker in workers)
            last = min(worker[-1][0] for worker in workers)
            done = sum(warm < result[0] <= last for worker in workers for result in worker)
            figures[f"records/s, parallelism {parallelism}"] = done / (last - warm)
            figures[f"peak memory, MB, parallelism {parallelism}"] = peak / 1e6
        return figures

    def mapped(self, mode):
        figures = {}
        for parallelism in (1, 2):
            place = self._place()
            program = written(HERE / "maps.py", MAPS[mode], place)
            records = self.arguments.records * (10 if mode == "local" else 1)
            began, peak = watched([self.seed.python, program, mode, parallelism, records, place / "results"], self.environment)
            subtasks = [json.loads(file.read_text()) for file in place.glob("results.*")]
            seconds = max(one["last"] for one in subtasks) - min(one["first"] for one in subtasks)
            figures[f"records/s, parallelism {parallelism}"] = sum(one["count"] for one in subtasks) / seconds
            figures[f"first record, s, parallelism {parallelism}"] = min(one["first"] for one in subtasks) - began
            figures[f"peak memory, MB, parallelism {parallelism}"] = peak / 1e6
        return figures

    def _place(self):
        place = self.work / "python"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place


def table(rounds, sides):
    """Medians as Markdown: a row for each figure, a column for each side."""
    figures = list(dict.fromkeys(figure for one in rounds for side in sides for figure in one.get(side, {})))
    lines = [f"| | {' | '.join(sides)} |", "| --- |" + " ---: |" * len(sides)]
    for figure in figures:
        values = [[one[side][figure] for one in rounds if figure in one.get(side, {})] for side in sides]
        shown = [f"{statistics.median(value):.4g}" if value else "" for value in values]
        lines.append(f"| {figure} | {' | '.join(shown)} |")
    return "\n".join(lines)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, help="one text per line; without it, generated lines")
    parser.add_argument("--head", type=Path, help="classifier.safetensors for MiniLM-L6; without it, models/tweet-sentiment")
    parser.add_argument("--lines", type=int, default=512, help="at most so many texts (default: 512)")
    parser.add_argument("--records", type=int, default=1_000_000, help="of the map in PyFlink; ten times as many here (default: 1,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--only", choices=["classify", "maps"], help="one of the two parts")
    return parser.parse_args()


def main():
    arguments = parse()
    work = ROOT / "target" / "peers"
    work.mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments, work)
    pin_to_cores()
    parts = {"classify": (SIDES, bench.classified), "maps": (MAPS, bench.mapped)}
    parts = {name: part for name, part in parts.items() if arguments.only in (None, name)}
    rounds = {name: [] for name in parts}
    for number in range(arguments.rounds):
        for name, (sides, measure) in parts.items():
            figures = {}
            # Each second round the other way round, so that what drifts does not drift against one side.
            for side in sides if number % 2 == 0 else reversed(sides):
                load, started = os.getloadavg()[0], time.monotonic()
                figures[side] = measure(side)
                say(f"round {number + 1} of {arguments.rounds}: {name}, {side}, {time.monotonic() - started:.0f} s, load before {load:.1f}")
            rounds[name].append(figures)
    for name, (sides, _) in parts.items():
        print(f"\n{name}: medians of {arguments.rounds} rounds\n\n{table(rounds[name], sides)}")
    (work / "python-results.json").write_text(json.dumps({"lines": bench.lines, "rounds": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
