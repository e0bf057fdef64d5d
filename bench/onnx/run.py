"""Measures ONNX models through Riverrun's runners beside the same models in ONNX Runtime and in RTen without anything around them.

    python3 bench/onnx/run.py [--stream MODEL.onnx] [--batches MODEL.onnx,…] [--rounds N] [--records N] [--seconds N]

What each row means is in the README beside this file. What ONNX Runtime needs is installed into `envs/` beside this file at the first
run. Results also go to `target/onnx/results.json`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = ROOT / "target" / "onnx"
BACKENDS = ("rten", "onnxruntime")
# Settings of the calling shell that would hamper a side.
UNSET = ("OMP_NUM_THREADS", "RIVERRUN_NUM_THREADS", "ORT_DYLIB_PATH", "PYTHONPATH", "PYTHONHOME")


def run(command, **extra):
    variables = {name: value for name, value in os.environ.items() if name not in UNSET} | extra
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=variables)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def install():
    place, wanted = HERE / "envs" / "onnxruntime", (HERE / "requirements.txt").read_text()
    python, marker = place / "bin" / "python", place / "installed.txt"
    if not marker.exists() or marker.read_text() != wanted:
        print("installing ONNX Runtime; this takes a minute, once", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        run([sys.executable, "-m", "venv", place])
        run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"])
        marker.write_text(wanted)
    library = next(place.glob("lib/python*/site-packages/onnxruntime/capi/libonnxruntime.so*"))
    return python, library


def median(rounds, figure):
    return statistics.median(one[figure] for one in rounds)


def same(mine, theirs, what):
    if len(mine) != len(theirs):
        raise RuntimeError(f"{what}: {len(mine)} numbers beside {len(theirs)}")
    scale = max(1.0, max(map(abs, theirs)))
    difference = max(abs(a - b) for a, b in zip(mine, theirs)) / scale
    if difference > 1e-4:
        raise RuntimeError(f"{what} differ by {difference} of the largest")


def measure_streams(ours, python, library, model, records, rounds):
    print(f"\n{model.name}, {records:,} records in a stream, medians of {rounds} rounds, records/s\n")
    print("| backend | batch | stream, `infer` | items a batch | stream, `map` | backend alone, 2 threads | ONNX Runtime in Python, 2 threads | 2 processes | MiB | Python MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    results = []
    for backend in BACKENDS:
        for batch in (1, 64, 256):
            # Alone and one by one is what it is at any number.
            count = records // 4 if batch == 1 else records
            sides = {"riverrun": [], "python": []}
            for _ in range(rounds):
                mine = json.loads(run([ours, "stream", model, backend, count, batch], ORT_DYLIB_PATH=str(library)))
                theirs = json.loads(run([python, HERE / "onnx_peer.py", "stream", model, count, batch]))
                same(mine["outputs"], theirs["outputs"], "outputs")
                same(mine["infer_sums"], theirs["sums"][str(count)], "the stream's sums")
                same(mine["map_sums"], theirs["sums"][str(count // 4)], "the sums after `map`")
                sides["riverrun"].append(mine)
                sides["python"].append(theirs)
            riverrun, peer = sides["riverrun"], sides["python"]
            figures = [median(riverrun, name) for name in ("infer_per_second", "items_per_batch", "map_per_second", "bare_per_second")]
            figures += [median(peer, name) for name in ("threads_per_second", "processes_per_second")]
            memory = [median(riverrun, "peak_resident_kib") / 1024, median(peer, "peak_resident_kib") / 1024]
            print(f"| {backend} | {batch} | " + " | ".join(f"{figure:,.0f}" for figure in figures + memory) + " |", flush=True)
            results.append({"model": model.name, "backend": backend, "batch": batch, "rounds": sides})
    return results


def measure_batches(ours, python, library, model, tokens, seconds, rounds):
    print(f"\n{model.name}, calls with one batch, p50 in µs, medians of {rounds} rounds; open dimensions are {tokens} long\n")
    print("| backend | threads | batch | runner | backend alone | runner ÷ alone | ONNX Runtime in Python | without spinning | runner ÷ Python, the better | MiB | Python MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    results = []
    for backend in BACKENDS:
        for threads in (1, 2):
            for batch in (1, 8, 64):
                sides = {"riverrun": [], "python": []}
                for _ in range(rounds):
                    sizes = [batch, tokens, threads, seconds]
                    mine = json.loads(run([ours, "batches", model, backend, *sizes], ORT_DYLIB_PATH=str(library)))
                    theirs = json.loads(run([python, HERE / "onnx_peer.py", "batches", model, *sizes]))
                    same(mine["outputs"], theirs["outputs"], "outputs")
                    sides["riverrun"].append(mine)
                    sides["python"].append(theirs)
                riverrun, peer = sides["riverrun"], sides["python"]
                runner, bare = median(riverrun, "runner_p50_us"), median(riverrun, "bare_p50_us")
                spinning, quiet = median(peer, "p50_us"), median(peer, "quiet_p50_us")
                ratio = statistics.median(one["runner_p50_us"] / one["bare_p50_us"] for one in riverrun)
                print(
                    f"| {backend} | {threads} | {batch} | {runner:,.1f} | {bare:,.1f} | {ratio:.3f} | {spinning:,.1f} | {quiet:,.1f} | "
                    f"{runner / min(spinning, quiet):.3f} | {median(riverrun, 'peak_resident_kib') / 1024:.0f} | "
                    f"{median(peer, 'peak_resident_kib') / 1024:.0f} |", flush=True,
                )
                results.append({"model": model.name, "backend": backend, "threads": threads, "batch": batch, "rounds": sides})
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stream", type=Path, help="a model of one input of floats; without it, a feed-forward net of random weights; `none` for none")
    parser.add_argument("--batches", default="", help="models to call with one batch beside a convolutional one of random weights, with commas between")
    parser.add_argument("--tokens", type=int, default=32, help="how long open dimensions are; default: 32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    python, library = install()
    OUT.mkdir(parents=True, exist_ok=True)
    manifest = HERE / "measure" / "Cargo.toml"
    run(["cargo", "build", "--release", "--locked", "--manifest-path", manifest, "--target-dir", ROOT / "target"])
    ours = ROOT / "target" / "release" / "riverrun-measure-onnx"
    results = {}
    if options.stream != Path("none"):
        model = options.stream
        if model is None:
            model = OUT / "ffnn.onnx"
            run([python, HERE / "make_ffnn.py", model])
        results["stream"] = measure_streams(ours, python, library, model, options.records, options.rounds)
    images = OUT / "convolutions.onnx"
    run([python, HERE / "make_convolutions.py", images])
    for model in [*filter(None, options.batches.split(",")), images]:
        results[str(model)] = measure_batches(ours, python, library, Path(model), options.tokens, options.seconds, options.rounds)
    (OUT / "results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
