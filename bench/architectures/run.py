"""Measures the encoders of every architecture beside ONNX Runtime: the same random weights and lines, in one run whose rounds alternate.

    python3 bench/architectures/run.py [--texts FILE] [--only bert,…] [--lines N] [--rounds N]

What each row means is in the README beside this file. What makes the models and runs ONNX Runtime is installed into `envs/` beside this
file at the first run. Results also go to `target/architectures/results.json`.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = ROOT / "bench" / "peers"
sys.path.append(str(PEERS))

from commands import CORES, build_measure, pin_to_cores, processor, python_311, run, say  # noqa: E402
from report import compare  # noqa: E402
from sides import Riverrun  # noqa: E402
from workload import make_texts  # noqa: E402

OUT = ROOT / "target" / "architectures"
ARCHITECTURES = (
    "bert", "distilbert", "roberta", "xlm-roberta", "camembert", "electra", "mpnet", "albert", "deberta-v2", "deberta-v3", "modernbert",
    "gte", "nomic",
)
AGREEMENT = 0.999
# Of probabilities.
TOLERANCE = 1e-3


def install():
    place, wanted = HERE / "envs" / "libraries", (HERE / "requirements.txt").read_text()
    python, marker = place / "bin" / "python", place / "installed.txt"
    if not marker.exists() or marker.read_text() != wanted:
        say("installing PyTorch, transformers and ONNX Runtime; this takes minutes, once")
        shutil.rmtree(place, ignore_errors=True)
        run([python_311(), "-m", "venv", place])
        run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"])
        marker.write_text(wanted)
    return python


def make(python, name):
    folder = OUT / name
    if not (folder / "complete").exists():
        say(f"making {name}")
        run([python, HERE / "make_models.py", ROOT / "models" / "tweet-sentiment", OUT, name])
    return folder


def median(rounds, side, figure):
    return statistics.median(one[side][figure] for one in rounds)


def measure(name, binary, python, texts, first, count):
    """The table's row, and the rounds."""
    folder = make(python, name)
    riverrun = Riverrun(binary, folder, texts, first, "f32")
    rounds, outputs = [], {}

    def ours():
        figures, outputs["riverrun"] = riverrun.measure()
        return figures

    def theirs():
        peer = PEERS / "encoder_peer.py"
        figures = json.loads(run([python, peer, "onnxruntime", folder, folder / "model.onnx", texts]))
        outputs["onnxruntime"] = list(zip(figures.pop("labels"), figures.pop("scores")))
        figures["arrival_per_second"] = max(figures["batch1_per_second"], figures["batch8_per_second"])
        return figures

    for number in range(count):
        load, sides = os.getloadavg()[0], [("riverrun", ours), ("onnxruntime", theirs)]
        figures = {side: call() for side, call in (sides if number % 2 == 0 else sides[::-1])}
        rounds.append(figures | {"load_before": load})
    share, difference = compare(outputs["onnxruntime"], outputs["riverrun"])
    if share < AGREEMENT or difference > TOLERANCE:
        raise RuntimeError(f"best labels agree on {share:.2%} only, scores within {difference:.1e}")
    figures = {
        "stream": median(rounds, "riverrun", "stream_per_second"),
        "onnxruntime_arrival": median(rounds, "onnxruntime", "arrival_per_second"),
        "sorted": median(rounds, "riverrun", "sorted8_per_second"),
        "onnxruntime_sorted": median(rounds, "onnxruntime", "sorted8_per_second"),
        "alone_ms": median(rounds, "riverrun", "alone_p50_ms"),
        "onnxruntime_alone_ms": min(median(rounds, "onnxruntime", f"alone{threads}_p50_ms") for threads in (1, 2)),
        "mib": median(rounds, "riverrun", "peak_resident_kib") / 1024,
        "onnxruntime_mib": median(rounds, "onnxruntime", "peak_resident_kib") / 1024,
        "scores_within": difference,
    }
    print(
        f"| {name} | {figures['stream']:.0f} | {figures['onnxruntime_arrival']:.0f} | **{figures['stream'] / figures['onnxruntime_arrival']:.2f}** | "
        f"{figures['sorted'] / figures['onnxruntime_sorted']:.2f} | {figures['alone_ms']:.2f} | {figures['onnxruntime_alone_ms']:.2f} | "
        f"{figures['onnxruntime_alone_ms'] / figures['alone_ms']:.2f} | {figures['mib']:.0f} | {figures['onnxruntime_mib']:.0f} | {difference:.0e} |",
        flush=True,
    )
    return figures | {"rounds": rounds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, help="one text per line; without it, generated lines")
    parser.add_argument("--only", default=",".join(ARCHITECTURES), help="which architectures, with commas between; default: all")
    parser.add_argument("--lines", type=int, default=256, help="how many texts; default: 256")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - set(ARCHITECTURES):
        parser.error(f"no such architecture: {', '.join(unknown)}; there are {', '.join(ARCHITECTURES)}")
    OUT.mkdir(parents=True, exist_ok=True)
    python, binary = install(), build_measure()
    texts, lines = make_texts(options.texts, options.lines, OUT)
    first = OUT / "first.txt"
    first.write_text("".join(line + "\n" for line in lines[:5]))
    pin_to_cores()
    print(f"{len(lines)} lines, {options.rounds} rounds, medians; {processor()}, {CORES} cores\n")
    print("| architecture | stream, records/s | ONNX Runtime in arrival order | ratio | sorted batches of 8, ratio | a lone text, ms | ONNX Runtime, ms | ratio | MiB | ONNX Runtime, MiB | scores within |")
    print("| --- |" + " ---: |" * 10)
    results, failures = {}, []
    for name in names:
        try:
            results[name] = measure(name, binary, python, texts, first, options.rounds)
        except RuntimeError as error:
            failures.append(f"{name}: {error}")
            say(failures[-1])
    (OUT / "results.json").write_text(json.dumps({"results": results, "failures": failures}, indent=1) + "\n")
    for failure in failures:
        print(f"FAILED: {failure}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
