"""Measures Riverrun's service beside its peers: the same model, texts and clients, in rounds that alternate between them.

    python3 bench/serving/run.py [--texts FILE] [--head HEAD.safetensors] [--servers NAMES] [--clients 1,16,64]
    python3 bench/serving/run.py --sequential-overhead | --overload | --soak N

What is compared, and what the modes print, is in the README beside this file. Results also go to `target/serving/`.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

import modes
import servers
from generator import Load
from peers import DIRECTORY, make_model, make_texts, package, pin_to_cores, processor, run, say

ROOT = servers.HERE.parent.parent
NAMES = ("riverrun", "riverrun-python", "bentoml11", "bentoml14", "lean")
# How far the score of a text may be from what the first server gave.
TOLERANCE = 1e-3
# Riverrun's throughput at 16 clients has to be so many times that of the best setting of each.
WANTED = {"bentoml11": 8, "bentoml11-batching": 8, "bentoml14": 3, "lean": 1.5}


def all_servers(arguments, model, work, failures):
    graph = work / f"{model.name}.onnx"

    def exported():
        if not graph.exists():
            run([servers.install("onnx") / "python", DIRECTORY / "onnx_model.py", model, graph])
        return graph

    made = {
        "riverrun": lambda: servers.riverrun(riverrun_executable(arguments), model, work),
        "riverrun-python": lambda: servers.riverrun_python(riverrun_executable(arguments), package(work), model, work),
        "bentoml11": lambda: servers.bentoml11(model, work),
        "bentoml14": lambda: servers.bentoml14(model, exported(), work, arguments.every_setting),
        "lean": lambda: servers.lean(model, exported(), arguments.every_setting),
    }
    found = []
    for name in arguments.servers:
        try:
            found.extend(made[name]())
        except RuntimeError as error:
            failures.append(f"{name}: {error}")
            say(failures[-1])
    return found


def riverrun_executable(arguments):
    if arguments.riverrun:
        return arguments.riverrun.resolve()
    return modes.built(["--package", "riverrun-cli"], "riverrun")


def measure(server, load, arguments, work, expected):
    """One server in one round: its figures by the number of clients."""
    before = os.getloadavg()[0]
    figures = {}
    with server.start(work) as running:
        agree(running, load, work, expected)
        for clients in arguments.clients:
            extent = ["--warm-up", arguments.warm_up, "--seconds", arguments.seconds]
            seen = load.run("closed", running, "--clients", clients, *extent, "--tolerance", TOLERANCE)
            resident, proportional = running.memory()
            latency = seen["status"].get("200", {})
            figures[clients] = {
                "per_second": seen["per_second"], "p50_ms": latency.get("p50_ms"), "p99_ms": latency.get("p99_ms"),
                "resident_kib": resident, "proportional_kib": proportional, "seen": seen,
            }
    rates = ", ".join(f"{figures[clients]['per_second']:.0f}/s at {clients}" for clients in figures)
    say(f"  {server.title}: {rates}; load before {before:.1f}")
    return {"load_before": before, "clients": figures}


def agree(running, load, work, expected):
    """Asks each text once. The first server says what is expected of the others, which raise an error if they differ."""
    options = ["--expected", expected] if expected.exists() else ["--answers", expected]
    seen = load.run("closed", running, "--clients", 4, "--warm-up", 0, "--requests", load.count, *options,
                    "--tolerance", TOLERANCE)
    answered = seen["status"].get("200", {}).get("count", 0)
    if seen.get("wrong_answers") or answered < load.count:
        if "--answers" in options:
            expected.unlink(missing_ok=True)
        said = json.dumps(seen.get("messages", {}))[:600]
        wrong = seen.get("wrong_answers", 0)
        raise RuntimeError(f"{answered} of {load.count} texts answered, {wrong} otherwise than the first server did: {said}")


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def summarize(found, rounds, clients):
    """One row per server and number of clients: medians over the rounds."""
    rows = []
    for number in clients:
        ours = None
        for server in found:
            figures = [one[server.title]["clients"][number] for one in rounds if server.title in one]
            if not figures:
                continue
            rates = [one["per_second"] for one in figures]
            row = {
                "clients": number, "server": server.name, "setting": server.setting, "per_second": median(rates),
                "least_per_second": min(rates), "most_per_second": max(rates), "rounds": len(rates),
            }
            for figure in ("p50_ms", "p99_ms", "resident_kib", "proportional_kib"):
                row[figure] = median([one[figure] for one in figures])
            row["failed"] = sum(failed(one["seen"]) for one in figures)
            if server.name == "riverrun":
                ours = row["per_second"]
            row["ratio"] = ours / row["per_second"] if ours and row["per_second"] else None
            rows.append(row)
    return rows


def failed(seen):
    other = sum(latency["count"] for status, latency in seen["status"].items() if status != "200")
    return other + sum(seen.get(what, 0) for what in ("stuck", "broken", "wrong_answers"))


def table(rows):
    lines = [
        "| clients | server | requests/s | least – most | p50 ms | p99 ms | RSS MiB | PSS MiB | failed | Riverrun ÷ it |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]

    def shown(value, form=".1f"):
        return "–" if value is None else format(value, form)

    for row in rows:
        name = f"{row['server']}: {row['setting']}" if row["setting"] else row["server"]
        memory = [shown(row[f"{kind}_kib"] / 1024, ".0f") for kind in ("resident", "proportional")]
        cells = [
            row["clients"], name, shown(row["per_second"]),
            f"{row['least_per_second']:.1f} – {row['most_per_second']:.1f}", shown(row["p50_ms"]), shown(row["p99_ms"]),
            *memory, row["failed"], shown(row["ratio"], ".2f"),
        ]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def verdicts(rows):
    """What issue and README ask for at 16 clients, as lines. The best setting of a peer counts."""
    lines = []
    at_16 = [row for row in rows if row["clients"] == 16 and row["per_second"]]
    for name, wanted in WANTED.items():
        ratios = [row["ratio"] for row in at_16 if row["server"] == name and row["ratio"]]
        if ratios:
            lines.append(modes.verdict(min(ratios) >= wanted, f"{min(ratios):.2f} x {name} at 16 clients, {wanted} wanted"))
    for row in at_16:
        if row["server"] == "riverrun":
            bound = 3 * 16 / row["per_second"] * 1e3
            met = row["p99_ms"] is not None and row["p99_ms"] <= bound
            lines.append(modes.verdict(met, f"p99 at 16 clients {row['p99_ms']:.0f} ms, {bound:.0f} ms allowed"))
    return lines


def compare(arguments, model, texts, lines, work):
    failures = []
    load = Load(texts, len(lines))
    found = all_servers(arguments, model, work, failures)
    expected = work / "expected.txt"
    expected.unlink(missing_ok=True)
    pin_to_cores()
    rounds = []
    for number in range(arguments.rounds):
        say(f"round {number + 1} of {arguments.rounds}")
        figures = {}
        # Each second round the other way round, so that what drifts does not drift against one side.
        for server in found if number % 2 == 0 else reversed(found):
            try:
                figures[server.title] = measure(server, load, arguments, work, expected)
            except RuntimeError as error:
                failures.append(f"{server.title}: {error}")
                say(failures[-1])
        rounds.append(figures)
    rows = summarize(found, rounds, arguments.clients)
    judged = verdicts(rows)
    loads = [one["load_before"] for figures in rounds for one in figures.values()]
    print(f"{len(lines)} texts, model {model.name} in f32, {arguments.rounds} rounds of {arguments.seconds} s, medians; {processor()}")
    print(f"load average before a server was started: {min(loads, default=0):.1f} to {max(loads, default=0):.1f}\n")
    print(table(rows) + "\n")
    print("\n".join(judged))
    result = {"model": model.name, "texts": len(lines), "processor": processor(), "rows": rows, "rounds": rounds}
    return {**result, "verdicts": judged, "failures": failures}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--sequential-overhead", action="store_true", help="one client's p50 over the bare runner's")
    mode.add_argument("--overload", action="store_true", help="ten times what the service can do")
    mode.add_argument("--soak", type=int, nargs="?", const=1_000_000, metavar="N", help="N requests, many of them unruly")
    parser.add_argument("--texts", type=Path, help="one text per line; without it, generated lines")
    parser.add_argument("--head", type=Path, help="classifier.safetensors for MiniLM-L6; without it, models/tweet-sentiment")
    parser.add_argument("--servers", default=",".join(NAMES), help="which, with commas between; default: all")
    parser.add_argument("--every-setting", action="store_true", help="all settings of the peers, to find the best")
    parser.add_argument("--clients", default="1,16,64", help="default: 1,16,64")
    parser.add_argument("--lines", type=int, default=512, help="how many texts; default: 512")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--warm-up", type=float, default=3, help="seconds; default: 3")
    parser.add_argument("--seconds", type=float, help="what is measured at a time; default: 10, overload 60")
    parser.add_argument("--riverrun", type=Path, help="the executable; without it, built from this tree")
    parser.add_argument("--measure", type=Path, help="the example `measure`; without it, built from this tree")
    parser.add_argument("--fixed-wait", type=Path, help="the example `fixed_wait`; without it, built from this tree")
    arguments = parser.parse_args()
    arguments.seconds = arguments.seconds or (60 if arguments.overload else 10)
    arguments.clients = [int(number) for number in arguments.clients.split(",")]
    arguments.servers = [name for name in arguments.servers.split(",") if name]
    unknown = [name for name in arguments.servers if name not in NAMES]
    if unknown:
        parser.error(f"no such server: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return arguments


def main():
    arguments = parse()
    work = ROOT / "target" / "serving"
    work.mkdir(parents=True, exist_ok=True)
    # Texts of their own for each mode.
    place = work / ("overload" if arguments.overload else "soak" if arguments.soak else "model")
    place.mkdir(exist_ok=True)
    texts, lines = make_texts(arguments.texts, arguments.lines, place)
    started = time.monotonic()
    if arguments.overload:
        name, result = "overload", modes.overload(arguments, lines, place)
    elif arguments.soak:
        name, result = "soak", modes.soak(arguments, lines, place)
    else:
        model = make_model(arguments.head, work)
        if arguments.sequential_overhead:
            executable = riverrun_executable(arguments)
            name, result = "sequential-overhead", modes.sequential_overhead(arguments, executable, model, texts, lines, work)
        else:
            name, result = "results", compare(arguments, model, texts, lines, work)
    result["took_seconds"] = time.monotonic() - started
    (work / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    for failure in result.get("failures", []):
        print(f"FAILED: {failure}")
    missed = any(line.startswith("MISSED") for line in result["verdicts"])
    sys.exit(1 if result.get("failures") or missed else 0)


if __name__ == "__main__":
    main()
