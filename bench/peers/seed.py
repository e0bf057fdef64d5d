"""The stream program that Riverrun replaces: PyFlink with BentoML's embedded runner."""

import json
import os
import shutil
import time

from commands import ENVS, HERE, digest, environment, install, run

# Its programs take a minute and more, so they have fewer lines at most, and part in every other round.
LINES = 512
EVERY = 2


class Seed:
    name = "seed"

    def __init__(self, model, texts, first, work):
        if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
            raise RuntimeError("PyFlink needs Java 17 or 11: none is on the PATH and JAVA_HOME is not set")
        self.python = install(self.name)
        self.texts, self.first, self.work = texts, first, work
        self.lines = len(texts.read_text().splitlines())
        home = ENVS / f"bentoml-{digest(model / 'model.safetensors')}"
        home.mkdir(parents=True, exist_ok=True)
        # PyFlink starts its workers with whatever `python` is on the PATH.
        path = f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = environment(
            PATH=path, BENTOML_HOME=home, BENTOML_DO_NOT_TRACK="True", PYTHONWARNINGS="ignore"
        )
        if not (home / "models" / "text-classification" / "latest").exists():
            run([self.python, HERE / "seed_save.py", model], env=self.environment)

    def program(self, texts, parallelism, threads):
        """When it began, and the results in the order in which they came, by worker."""
        place = self.work / "seed"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        started = time.time()
        program = [self.python, HERE / "seed_program.py", texts, place / "results", parallelism, threads]
        run(program, env=self.environment)
        return started, [[json.loads(line) for line in open(file)] for file in place.iterdir()]

    def steady(self, parallelism, threads):
        """Records per second while all workers are warm and none has run out, and every result."""
        _, workers = self.program(self.texts, parallelism, threads)
        results = sorted(result for worker in workers for result in worker)
        warm = max(worker[min(16, len(worker) // 4)][0] for worker in workers)
        last = min(worker[-1][0] for worker in workers)
        return sum(warm < result[0] <= last for result in results) / (last - warm), results

    def measure(self):
        started, workers = self.program(self.first, 1, 0)
        figures = {"first5_seconds": max(worker[-1][0] for worker in workers) - started}
        figures["stream1_per_second"], results = self.steady(1, 0)
        figures["stream1_one_thread_per_second"], _ = self.steady(1, 1)
        figures["stream2_per_second"], _ = self.steady(2, 1)
        by_number = {number: (label, score) for _, number, label, score in results}
        if len(results) != self.lines or len(by_number) != self.lines:
            raise RuntimeError(f"the program had {len(results)} results for {self.lines} records")
        return figures, [by_number[number] for number in range(self.lines)]
