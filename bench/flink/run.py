"""Measures DataStream programs here and on Apache Flink, in one run whose rounds alternate between the two.

    python3 bench/flink/run.py [--programs NAME,…] [--parallelism 1,2] [--rounds N] [--scale X]

What each program does is in the README beside this file. Needs Rust and Java 17; Flink's jars are installed into
`target/peers/flink` at the first run. Results also go to `target/peers/flink-results.json`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENT = ROOT / "target" / "peers" / "flink"
CLASSES = ROOT / "target" / "peers" / "flink-benchmarks"
RESULTS = ROOT / "target" / "peers" / "flink-results.json"

# Records of a measured run at parallelism 1, on Flink and here: enough for ten seconds and more.
RECORDS = {
    "keyed_sum": (80_000_000, 200_000_000),
    "tumbling_sum": (40_000_000, 200_000_000),
    "tumbling_count": (40_000_000, 200_000_000),
    "sliding_sum": (300_000, 100_000_000),
    "session_sum": (5_000_000, 100_000_000),
    "interval_join": (3_000_000, 30_000_000),
    "async_ordered_50ms": (200_000, 200_000),
    "async_unordered_50ms": (200_000, 200_000),
    "async_ordered_at_once": (20_000_000, 20_000_000),
    "async_unordered_at_once": (20_000_000, 20_000_000),
}
# Both sides begin with the same records, whose results have to be the same.
WARM_UP = {"sliding_sum": 50_000, "async_ordered_50ms": 50_000, "async_unordered_50ms": 50_000}
WARM_UP_OTHERS = 1_000_000


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command):
    """A command's standard output. Its failure is an error with the last of what it said."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise RuntimeError(f"{' '.join(str(part) for part in command)} failed:\n{said}")
    return done.stdout


def flink():
    """The command that runs a program on Flink."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        say("installing Flink's jars; this takes a minute, once")
        run(sys.executable, "-m", "venv", ENVIRONMENT)
    run(python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt")
    find = "import pyflink; print(list(pyflink.__path__)[0])"
    jars = Path(run(python, "-c", find).strip()) / "lib" / "*"
    run("javac", "-cp", jars, "-d", CLASSES, *sorted((HERE / "java").glob("*.java")))
    opened = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("util", "lang")]
    return ["java", "-Xms4g", "-Xmx4g", "-Dlog4j2.level=OFF", *opened, "-cp", f"{CLASSES}{os.pathsep}{jars}", "Benchmarks"]


def riverrun():
    """The command that runs a program here."""
    say("building Riverrun's side")
    build = ("cargo", "bench", "-p", "riverrun-local", "--bench", "flink_programs", "--no-run")
    messages = map(json.loads, run(*build, "--message-format=json").splitlines())
    built = [message["executable"] for message in messages if message.get("executable")]
    return [built[-1]]


def measure(command, program, parallelism, records):
    """The warm-up and the measured run."""
    warm_up = WARM_UP.get(program, WARM_UP_OTHERS)
    return [json.loads(line) for line in run(*command, program, parallelism, warm_up, records).splitlines()]


def compare(sides, program, parallelism, arguments):
    """The median rates of both sides; every round has both, in turn first."""
    rates = {side: [] for side in sides}
    for number in range(arguments.rounds):
        first = list(sides) if number % 2 == 0 else list(sides)[::-1]
        warm_ups = {}
        for side in first:
            records = RECORDS[program][list(sides).index(side)]
            # Calls that wait are as many as fit, whatever the number of cores.
            more = parallelism if program.endswith("_50ms") else 1
            records = int(records * more * arguments.scale)
            say(f"{program}, parallelism {parallelism}, round {number + 1}: {side}, {records:,} records "
                f"(load {os.getloadavg()[0]:.1f})")
            warm_ups[side], measured = measure(sides[side], program, parallelism, records)
            rates[side].append(records / measured["seconds"])
        different = {(warm_up["results"], warm_up["checksum"]) for warm_up in warm_ups.values()}
        if len(different) > 1:
            sys.exit(f"{program}: the sides do not have the same results: {warm_ups}")
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", default=",".join(RECORDS))
    parser.add_argument("--parallelism", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="fewer records for a try: 0.1")
    arguments = parser.parse_args()
    sides = {"Flink": flink(), "Riverrun": riverrun()}

    rows = []
    for program in arguments.programs.split(","):
        for parallelism in map(int, arguments.parallelism.split(",")):
            rates = compare(sides, program, parallelism, arguments)
            rows.append({"program": program, "parallelism": parallelism, **rates})
            RESULTS.write_text(json.dumps(rows, indent=1) + "\n")

    print("| program | parallelism | Flink, records/s | Riverrun, records/s | ratio |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        here, there = statistics.median(row["Riverrun"]), statistics.median(row["Flink"])
        print(f"| {row['program']} | {row['parallelism']} | {there:,.0f} | {here:,.0f} | {here / there:.2f} |")


if __name__ == "__main__":
    main()
