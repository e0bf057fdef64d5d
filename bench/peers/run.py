"""Measures Riverrun beside its peers: the same model and lines, in one run whose rounds alternate between the sides.

    python3 bench/peers/run.py [--texts FILE] [--head HEAD.safetensors] [--peers onnxruntime,seed] [--lines N] [--rounds N]

What each row means is in the README beside this file. Needs nothing beyond the standard library; what the peers need is
installed into `envs/` beside this file at the first run. Results also go to `target/peers/results.json`.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVS = HERE / "envs"
PEERS = ("onnxruntime", "seed")
CORES = 2
# The seed's programs take a minute and more, so they have fewer lines at most, and part in every other round.
SEED_LINES = 512
SEED_EVERY = 2
AGREEMENT = 0.999
# Settings of the calling shell that would favour or hamper a side.
UNSET = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "RIVERRUN_NUM_THREADS",
    "PYTHONPATH", "PYTHONHOME",
)


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment(**extra):
    variables = {name: value for name, value in os.environ.items() if name not in UNSET}
    variables.update({name: str(value) for name, value in extra.items()})
    return variables


def run(command, **options):
    """A command's standard output. Its failure is an error with the last of what it said."""
    options.setdefault("env", environment())
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise RuntimeError(f"{' '.join(str(part) for part in command)} failed:\n{said}")
    return done.stdout


# Setting up


def python_311():
    if sys.version_info[:2] == (3, 11):
        return sys.executable
    for name in ("python3.11", "python3"):
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 11))"]).returncode == 0:
            return path
    raise RuntimeError("the peers need Python 3.11 (PyFlink and the pinned PyTorch have no later wheels in common)")


def install(peer):
    """The Python of the peer's own environment."""
    requirements = HERE / f"requirements-{peer}.txt"
    place, wanted = ENVS / peer, requirements.read_text()
    python, marker = place / "bin" / "python", place / "installed.txt"
    if not marker.exists() or marker.read_text() != wanted:
        say(f"installing {requirements.name} into {place.relative_to(ROOT)}; this takes minutes, once")
        shutil.rmtree(place, ignore_errors=True)
        run([python_311(), "-m", "venv", place])
        run([python, "-m", "pip", "install", "--quiet", "-r", requirements])
        marker.write_text(wanted)
    return python


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def package(work):
    """The package with an extension as it is published, in a directory for Python's path."""
    say("building the extension")
    run(["cargo", "build", "--release", "--package", "riverrun-python", "--locked"], cwd=ROOT)
    metadata = json.loads(run(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT))
    library = Path(metadata["target_directory"]) / "release" / "lib_native.so"
    place = work / "python-package"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT / "crates" / "riverrun-python" / "python" / "riverrun", place / "riverrun", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(library, place / "riverrun" / "_native.abi3.so")
    return place


def make_model(head, work):
    """The directory of the model that both sides run."""
    if head is None:
        say("no --head: both sides run models/tweet-sentiment, far smaller than MiniLM-L6; its ratios say little about others")
        return ROOT / "models" / "tweet-sentiment"
    model = work / f"minilm-{digest(head)}"
    if not (model / "complete").exists():
        say("assembling MiniLM-L6 with this head")
        run([sys.executable, HERE / "make_minilm.py", head, model])
        (model / "complete").touch()
    return model


def make_texts(file, count, work):
    if file is None:
        say("no --texts: generated lines with the lengths of tweets")
        lines = generate(count)
    else:
        lines = [line.strip("\r") for line in file.read_text().split("\n")]
        lines = [line for line in lines if line.strip()][:count]
    if not lines:
        sys.exit("there are no texts")
    path = work / "texts.txt"
    path.write_text("".join(line + "\n" for line in lines))
    return path, lines


def generate(count):
    """Lines of 6 to 34 words, about 25 tokens on average; always the same."""
    words = (
        "the a to and is in it of for on you that my with be at this are just so not have what we all out up time day "
        "good love today new like people going best game night great never again happy bad watch tomorrow world news "
        "team music first think really want know week sunday concert tickets fans finally waiting season friends"
    ).split()
    randomness = random.Random(7)
    lines = []
    for _ in range(count):
        length = min(34, max(6, round(randomness.gauss(19, 6))))
        line = [randomness.choice(words) for _ in range(length)]
        if randomness.random() < 0.4:
            line.insert(0, "@user")
        if randomness.random() < 0.3:
            line.append("#" + randomness.choice(words) + randomness.choice(words))
        lines.append(" ".join(line) + randomness.choice([".", "!", "", "?", " :)"]))
    return lines


def pin_to_cores():
    """Keeps this process, and so all that it starts, to two physical cores where there are more."""
    if not hasattr(os, "sched_setaffinity"):
        return
    chosen, seen = [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
        try:
            core = tuple((topology / name).read_text() for name in ("physical_package_id", "core_id"))
        except OSError:
            core = cpu
        if core not in seen:
            seen.add(core)
            chosen.append(cpu)
    if len(chosen) >= CORES:
        os.sched_setaffinity(0, chosen[:CORES])


# The sides. Each has a method that measures it once and gives a flat mapping of figures, and the outputs it had.


class Riverrun:
    name = "riverrun"

    def __init__(self, model, texts, first, precision):
        say("building the example `measure`")
        run(["cargo", "build", "--release", "--package", "riverrun", "--example", "measure"], cwd=ROOT)
        metadata = json.loads(run(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT))
        self.binary = Path(metadata["target_directory"]) / "release" / "examples" / "measure"
        self.model, self.texts, self.first = model, texts, first
        self.environment = environment(MEASURE_PRECISION=precision)

    def agreement(self):
        """How far its answers are from its own in f32."""
        return json.loads(run([self.binary, self.model, self.texts, "agreement"], env=self.environment))

    def measure(self):
        figures = json.loads(run([self.binary, self.model, self.texts], env=self.environment))
        started = time.monotonic()
        run([self.binary, self.model, self.first, "first"], env=self.environment)
        figures["first5_seconds"] = time.monotonic() - started
        if not figures.pop("stream_equals_batch"):
            raise RuntimeError("the stream's results are not those of run_batch")
        return figures, list(zip(figures.pop("labels"), figures.pop("scores")))


class OnnxRuntime:
    name = "onnxruntime"

    def __init__(self, model, texts, work, precision):
        self.python = install(self.name)
        self.model, self.texts = model, texts
        self.graphs = [work / f"{model.name}.onnx"]
        run([self.python, HERE / "onnx_model.py", model, self.graphs[0]])
        if precision.startswith("int8"):
            full = self.graphs[0]
            self.graphs = [work / f"{model.name}-int8-per-{scale}.onnx" for scale in ("channel", "tensor")]
            for graph in self.graphs:
                # Without this directory on the path, where another `onnx_model` lies than the quantizer's own.
                run([self.python, "-P", HERE / "onnx_quantize.py", full, graph])

    def measure(self):
        """Each figure of the graph that is best in it."""
        best, outputs = {}, None
        for graph in self.graphs:
            figures = json.loads(run([self.python, HERE / "onnx_peer.py", self.model, graph, self.texts]))
            labels, scores = figures.pop("labels"), figures.pop("scores")
            outputs = outputs or list(zip(labels, scores))
            for name, value in figures.items():
                better = max if name.endswith("per_second") else min
                best[name] = better(best.get(name, value), value) if isinstance(value, (int, float)) else value
        return best, outputs


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


# Reporting

# What, Riverrun's figure, the peer and its figure, whether more is better, how the peer was run.
ROWS = (
    ("stream, arrival order, records/s", "stream_per_second", "onnxruntime", "batch1_per_second", True,
     "arrival order, batch 1, 2 sessions x 1 thread"),
    ("stream, arrival order, records/s", "stream_per_second", "onnxruntime", "batch8_per_second", True,
     "arrival order, batch 8 (padded), 2 sessions x 1 thread"),
    ("run_batch, arrival order, records/s", "batch_per_second", "onnxruntime", "batch1_per_second", True,
     "arrival order, batch 1, 2 sessions x 1 thread"),
    ("token-sorted batches of 8, records/s", "sorted8_per_second", "onnxruntime", "sorted8_per_second", True,
     "token-sorted batches of 8, 2 sessions x 1 thread"),
    ("stream, arrival order, records/s", "stream_per_second", "onnxruntime", "sorted8_per_second", True,
     "token-sorted batches of 8, 2 sessions x 1 thread"),
    ("a lone text, p50 ms", "alone_p50_ms", "onnxruntime", "alone2_p50_ms", False, "1 session x 2 threads"),
    ("a lone text, p50 ms", "alone_p50_ms", "onnxruntime", "alone1_p50_ms", False, "1 session x 1 thread"),
    ("peak memory, MiB", "peak_resident_kib", "onnxruntime", "peak_resident_kib", False,
     "1 session that 2 threads call; with Python"),
    ("peak memory, MiB", "peak_resident_kib", "onnxruntime", "peak_resident_kib_two_processes", False,
     "2 processes of 1 session, together; with Python"),
    ("stream, arrival order, records/s", "stream_per_second", "seed", "stream1_per_second", True,
     "as written: parallelism 1, PyTorch's own threads"),
    ("stream, arrival order, records/s", "stream_per_second", "seed", "stream1_one_thread_per_second", True,
     "parallelism 1, PyTorch on 1 thread"),
    ("stream, arrival order, records/s", "stream_per_second", "seed", "stream2_per_second", True,
     "tuned: parallelism 2, PyTorch on 1 thread each"),
    ("5 records, seconds from start to last result", "first5_seconds", "seed", "first5_seconds", False,
     "as written: parallelism 1"),
)


def median(rounds, side, figure):
    values = [one[side][figure] for one in rounds if one.get(side, {}).get(figure) is not None]
    return statistics.median(values) if values else None


def shown(figure, value):
    return f"{value / 1024:.0f}" if "kib" in figure else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def table(rounds, precision):
    """The rows as Markdown. A ratio above 1 is in Riverrun's favour."""
    lines = [f"| what | Riverrun {precision} | peer | the peer's setting | peer | ratio |", "| --- | ---: | --- | --- | ---: | ---: |"]
    ratios = []
    for what, ours, peer, theirs, more, how in ROWS:
        mine, other = median(rounds, "riverrun", ours), median(rounds, peer, theirs)
        if mine is None or other is None:
            continue
        ratio = mine / other if more else other / mine
        ratios.append({"what": what, "peer": peer, "setting": how, "riverrun": mine, "other": other, "ratio": ratio})
        lines.append(f"| {what} | {shown(ours, mine)} | {peer} | {how} | {shown(theirs, other)} | {ratio:.2f} |")
    return "\n".join(lines), ratios


def compare(outputs, mine):
    """How much of the outputs is the same, and by how much the scores of the same label differ."""
    pairs = list(zip(mine, outputs))
    same = [(left[1], right[1]) for left, right in pairs if left[0] == right[0]]
    return len(same) / len(pairs), max((abs(left - right) for left, right in same), default=0.0)


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, help="one text per line; without it, generated lines")
    parser.add_argument("--head", type=Path, help="classifier.safetensors for MiniLM-L6; without it, models/tweet-sentiment")
    parser.add_argument("--peers", default=",".join(PEERS), help="which of them, with commas between; default: all")
    parser.add_argument(
        "--precision", choices=("f32", "bf16", "int8-faithful", "int8"), default="f32",
        help="Riverrun's; with bytes, ONNX Runtime's dynamic quantization stands beside it. Default: f32",
    )
    parser.add_argument("--lines", type=int, default=512, help="how many texts; default: 512")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    arguments = parser.parse_args()
    arguments.peers = [peer for peer in arguments.peers.split(",") if peer]
    unknown = [peer for peer in arguments.peers if peer not in PEERS]
    if unknown:
        parser.error(f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    return arguments


def main():
    arguments = parse()
    work = ROOT / "target" / "peers"
    work.mkdir(parents=True, exist_ok=True)
    model = make_model(arguments.head, work)
    texts, lines = make_texts(arguments.texts, arguments.lines, work)
    first, seed_texts = work / "first.txt", work / "seed-texts.txt"
    first.write_text("".join(line + "\n" for line in lines[:5]))
    seed_texts.write_text("".join(line + "\n" for line in lines[:SEED_LINES]))

    failures = []
    sides = [Riverrun(model, texts, first, arguments.precision)]
    for peer in arguments.peers:
        try:
            if peer == "onnxruntime":
                sides.append(OnnxRuntime(model, texts, work, arguments.precision))
            else:
                sides.append(Seed(model, seed_texts, first, work))
        except RuntimeError as error:
            failures.append(f"{peer}: {error}")
            say(failures[-1])

    pin_to_cores()
    rounds, outputs, loads = [], {}, []
    for number in range(arguments.rounds):
        # Each second round the other way round, so that what drifts does not drift against one side.
        figures = {}
        for side in sides if number % 2 == 0 else reversed(sides):
            if side.name == "seed" and number % SEED_EVERY != 0:
                continue
            load = os.getloadavg()[0]
            started = time.monotonic()
            try:
                figures[side.name], outputs[side.name] = side.measure()
            except RuntimeError as error:
                failures.append(f"{side.name}: {error}")
                say(failures[-1])
                continue
            say(f"round {number + 1} of {arguments.rounds}: {side.name}, {time.monotonic() - started:.0f} s, load before {load:.1f}")
            loads.append(load)
        rounds.append(figures)

    text, ratios = table(rounds, arguments.precision)
    print(f"{len(lines)} lines, model {model.name}, {arguments.rounds} rounds, medians; tokenization inside on all sides")
    print(f"{processor()}, {CORES} cores; a ratio above 1 is in Riverrun's favour\n")
    print(text + "\n")
    agreement = {}
    for side, theirs in outputs.items():
        if side == "riverrun" or "riverrun" not in outputs:
            continue
        share, difference = compare(theirs, outputs["riverrun"])
        agreement[side] = {"best_label": share, "largest_score_difference": difference, "lines": len(theirs)}
        print(f"{side}: best label agrees on {share:.2%} of {len(theirs)} lines, scores within {difference:.1e}")
        if share < AGREEMENT and arguments.precision == "f32":
            failures.append(f"{side} and Riverrun agree on {share:.2%} only; the figures do not compare")
    if arguments.precision != "f32":
        agreement["f32"] = sides[0].agreement()
        print("Riverrun {precision}, beside f32: best label agrees on {best_label:.2%} of {texts} lines, all labels' scores "
              "differ by {mean_difference:.4f} on average and {largest_difference:.3f} at most".format(**agreement["f32"]))
    result = {
        "precision": arguments.precision, "model": model.name, "lines": len(lines), "processor": processor(), "cores": CORES, "ratios": ratios,
        "agreement": agreement, "rounds": rounds, "load_before": loads, "failures": failures,
    }
    (work / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    for failure in failures:
        print(f"FAILED: {failure}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
