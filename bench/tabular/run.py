"""Measures Riverrun's tree ensembles beside XGBoost and LightGBM: the same models and rows, in one run whose rounds alternate.

    python3 bench/tabular/run.py [--rounds N] [--seconds N] [--threads 1,2]

What each row means is in the README beside this file. What the libraries need is installed into `envs/` beside this file at
the first run. Results also go to `target/tabular/results.json`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = ROOT / "target" / "tabular"
BATCHES = (1, 100, 10_000)
ROWS = 20_000
# Settings of the calling shell that would hamper a side.
UNSET = ("OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "RIVERRUN_NUM_THREADS")


def environment(**extra):
    return {key: value for key, value in os.environ.items() if key not in UNSET} | extra


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment())
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def install():
    place, wanted = HERE / "envs" / "libraries", (HERE / "requirements.txt").read_text()
    python, marker = place / "bin" / "python", place / "installed.txt"
    if not marker.exists() or marker.read_text() != wanted:
        print("installing the libraries; this takes a minute, once", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        run([sys.executable, "-m", "venv", place])
        run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"])
        marker.write_text(wanted)
    return python


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--threads", default="1,2")
    options = parser.parse_args()
    python = install()
    OUT.mkdir(parents=True, exist_ok=True)
    run(["cargo", "build", "--release", "--example", "measure_trees", "-p", "riverrun-tabular"])
    ours = ROOT / "target" / "release" / "examples" / "measure_trees"
    run([python, HERE / "library.py", "train", OUT, ROWS])
    models = sorted(path for path in OUT.iterdir() if path.suffix in (".ubj", ".txt"))
    results = []
    for threads in map(int, options.threads.split(",")):
        for model in models:
            for batch in BATCHES:
                rounds = []
                for _ in range(options.rounds):
                    arguments = (model, OUT / "rows.f32", batch, threads, options.seconds)
                    mine = json.loads(run([ours, *arguments]))
                    theirs = json.loads(run([python, HERE / "library.py", "measure", *arguments]))
                    compare(model, mine.pop("predictions"), theirs.pop("predictions"))
                    rounds.append({"riverrun": mine, "library": theirs})
                report = {"model": model.name, "batch": batch, "threads": threads, "rounds": rounds}
                results.append(report | show(model, batch, threads, rounds))
    (OUT / "results.json").write_text(json.dumps(results, indent=1) + "\n")


def compare(model, mine, theirs):
    if len(mine) != len(theirs):
        raise RuntimeError(f"{model.name}: {len(mine)} predictions beside {len(theirs)}")
    difference = max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(mine, theirs))
    if difference > 1e-5:
        raise RuntimeError(f"{model.name}: predictions differ by {difference}")


def show(model, batch, threads, rounds):
    """Prints a row of the table; what stands in it."""

    def median(side, figure):
        times = [one[side][figure] for one in rounds if figure in one[side]]
        return statistics.median(times) if times else None

    figures = {name: median("riverrun", name) for name in ("runner_us", "predict_us")}
    figures |= {f"library_{name}": median("library", name) for name in ("predict_us", "prepared_us", "inplace_us")}
    best = min(figures[name] for name in ("library_predict_us", "library_inplace_us") if figures[name])
    figures |= {f"{side}_kib": median(side, "peak_resident_kib") for side in ("riverrun", "library")}
    times = [f"{figures[name]:,.1f}" if figures[name] else "" for name in list(figures)[:5]]
    memory = [f"{figures[f'{side}_kib'] / 1024:.0f}" for side in ("riverrun", "library")]
    row = [model.stem, str(threads), f"{batch:,}", *times, f"{best / figures['runner_us']:.2f}", *memory]
    print("| " + " | ".join(row) + " |", flush=True)
    return figures


if __name__ == "__main__":
    started = time.time()
    columns = ["model", "threads", "rows", "runner µs", "`TreeModel::predict` µs", "`Booster.predict` µs", "of a matrix made before µs",
               "`inplace_predict` µs", "ratio", "MiB", "library's MiB"]
    print("| " + " | ".join(columns) + " |\n| --- |" + " ---: |" * (len(columns) - 1))
    main()
    print(f"{time.time() - started:.0f} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
