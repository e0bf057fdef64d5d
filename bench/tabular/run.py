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
    parser.add_argument("--seconds", type=int, default=2)
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
                sides = {"riverrun": [], "library": [], "library_inplace": []}
                for _ in range(options.rounds):
                    mine = json.loads(run([ours, model, OUT / "rows.f32", batch, threads, options.seconds]))
                    theirs = json.loads(run([python, HERE / "library.py", "measure", model, OUT / "rows.f32", batch, threads, options.seconds]))
                    if abs(mine["checksum"] - theirs["checksum"]) > 1e-6 * abs(theirs["checksum"]) + 1e-3:
                        raise RuntimeError(f"{model.name}: sums of predictions differ: {mine['checksum']}, {theirs['checksum']}")
                    sides["riverrun"].append(mine["p10_us"])
                    sides["library"].append(theirs["p10_us"])
                    sides["library_inplace"].append(theirs["inplace_p10_us"])
                medians = {side: statistics.median(times) for side, times in sides.items()}
                results.append({"model": model.name, "batch": batch, "threads": threads, "rounds": sides} | medians)
                best = min(medians["library"], medians["library_inplace"])
                print(
                    f"| {model.stem} | {threads} | {batch:,} | {medians['riverrun']:,.1f} | {medians['library']:,.1f} | "
                    f"{medians['library_inplace']:,.1f} | {best / medians['riverrun']:.2f} |", flush=True,
                )
    (OUT / "results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    started = time.time()
    print("| model | threads | rows | Riverrun µs | predict µs | its fastest call µs | ratio |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    main()
    print(f"{time.time() - started:.0f} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
