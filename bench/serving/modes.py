"""What is measured of Riverrun alone: a lone request's way through HTTP, overload, and a soak."""

import json
import os
import statistics
import subprocess
import time
from pathlib import Path

import servers
from generator import Load
from peers import environment, processor, run, say

ROOT = servers.HERE.parent.parent
# Overload: each batch takes so long, and has at most so many items; so many may wait.
WAIT_MS, BATCH, QUEUE = 40, 4, 64
TIMES_CAPACITY = 10
PROBES = ("/livez", "/readyz")


def built(options, program):
    """A program of this tree, built."""
    say(f"building `{program}`")
    run(["cargo", "build", "--release", *options], cwd=ROOT)
    metadata = json.loads(run(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT))
    directory = Path(metadata["target_directory"]) / "release"
    return directory / "examples" / program if "--example" in options else directory / program


def verdict(met, text):
    return f"{'met' if met else 'MISSED'}: {text}"


def fixed_wait(arguments, wait, batch, queue):
    if arguments.fixed_wait:
        executable = arguments.fixed_wait.resolve()
    else:
        executable = built(["--package", "riverrun-service", "--example", "fixed_wait"], "fixed_wait")
    return servers.fixed_wait(executable, wait, batch, queue)


def watched(load, mode, running, *options):
    """What the load generator saw, and the server's resident KiB every two seconds meanwhile."""
    memory, started = [], time.monotonic()
    command = load.command(mode, running, *options)
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            while True:
                memory.append([round(time.monotonic() - started, 1), running.memory()[0]])
                try:
                    said, _ = process.communicate(timeout=2)
                    break
                except subprocess.TimeoutExpired:
                    pass
        finally:
            process.kill()
    if process.returncode != 0:
        raise RuntimeError(f"the load generator failed: {' '.join(command)}")
    return json.loads(said), memory


def over_time(memory):
    every = max(1, len(memory) // 12)
    return "RSS MiB over time: " + ", ".join(f"{at:.0f} s {resident / 1024:.1f}" for at, resident in memory[::every])


def echoed(lines, work):
    """Texts, and the answers to them of a model that gives back what it gets."""
    texts, expected = work / "echo-texts.txt", work / "echo-expected.txt"
    texts.write_text("".join(line + "\n" for line in lines))
    expected.write_text("".join(f"{line}\t1\n" for line in lines))
    return texts, expected


def sequential_overhead(arguments, executable, model, texts, lines, work):
    """A lone client's p50 through the service beside `Runner::run`'s, and through a service whose model does nothing."""
    if arguments.measure:
        measure = arguments.measure.resolve()
    else:
        measure = built(["--package", "riverrun", "--example", "measure"], "measure")
    load = Load(texts, len(lines))
    service = servers.riverrun(executable, model, work)[0]
    nothing = fixed_wait(arguments, 0, BATCH, QUEUE)
    rounds = []
    for number in range(arguments.rounds):
        one = {"load_before": os.getloadavg()[0]}

        def bare():
            one["bare_p50_ms"] = json.loads(run([measure, model, texts]))["alone_p50_ms"]

        def served(server=service, name="service"):
            with server.start(work) as running:
                options = ["--clients", 1, "--warm-up", arguments.warm_up, "--requests", max(512, len(lines))]
                one[f"{name}_p50_ms"] = load.run("closed", running, *options)["status"]["200"]["p50_ms"]

        for step in (bare, served) if number % 2 == 0 else (served, bare):
            step()
        served(nothing, "nothing")
        one["overhead_ms"] = one["service_p50_ms"] - one["bare_p50_ms"]
        say(f"round {number + 1}: " + ", ".join(f"{name} {value:.3f}" for name, value in one.items()))
        rounds.append(one)
    medians = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    print(f"one client, {len(lines)} texts, {arguments.rounds} rounds, medians; {processor()}")
    print(f"bare runner p50 {medians['bare_p50_ms']:.3f} ms, service p50 {medians['service_p50_ms']:.3f} ms")
    print(f"a model that does nothing, p50 {medians['nothing_p50_ms']:.3f} ms: all that is not the model's")
    overhead = medians["overhead_ms"]
    verdicts = [verdict(overhead <= 0.5, f"{overhead:.3f} ms over the bare runner, 0.5 ms allowed")]
    print("\n".join(verdicts))
    return {"rounds": rounds, "medians": medians, "verdicts": verdicts}


def overload(arguments, lines, work):
    """Ten times what the service can do, with a model that waits instead of computing."""
    texts, expected = echoed(lines, work)
    load = Load(texts, len(lines))
    server = fixed_wait(arguments, WAIT_MS, BATCH, QUEUE)
    checked = ["--expected", expected]
    with server.start(work) as running:
        # As many clients as keep every batch full and a queue behind it, but refuse nobody.
        most = load.run("closed", running, *checked, "--clients", QUEUE - BATCH, "--warm-up", 2, "--seconds", 10)
        capacity = most["per_second"]
        rate = TIMES_CAPACITY * capacity
        say(f"at most {capacity:.0f}/s; now {rate:.0f}/s for {arguments.seconds:.0f} s")
        options = ["--rate", rate, "--seconds", arguments.seconds, "--probes", ",".join(PROBES)]
        # Once before: connections and their buffers are there from then on, and are no growth.
        load.run("open", running, *checked, "--rate", rate, "--seconds", 5)
        before = running.memory()[0]
        seen, memory = watched(load, "open", running, *checked, *options)
        after = running.memory()[0]
    share = seen["goodput"] / capacity
    refused = seen["status"].get("429", {})
    recovery = seen["recovery"]["as_fast_as_before_ms"]
    probes = {path: set(probe["status"]) for path, probe in seen["probes"].items()}
    silent = [path for path, probe in seen["probes"].items() if probe.get("stuck") or probe.get("broken")]
    growth = (after - before) / 1024
    other = {status: one["count"] for status, one in seen["status"].items() if status not in ("200", "429")}
    wrong = {what: seen[what] for what in ("wrong_answers", "stuck", "broken", "refused_without_retry_after") if what in seen}
    verdicts = [
        verdict(seen["rate_reached"] >= 0.9 * rate, f"{seen['rate_reached']:.0f} requests/s reached of {rate:.0f}"),
        verdict(share >= 0.95, f"goodput {seen['goodput']:.1f}/s, {share:.1%} of the most, {capacity:.1f}/s; 95 % wanted"),
        verdict(refused.get("p99_ms", 1e9) <= 5, f"429 for {refused.get('count', 0)}, p99 {refused.get('p99_ms', 0):.2f} ms; 5 ms allowed"),
        verdict(growth <= 4, f"RSS {before / 1024:.1f} MiB before, {after / 1024:.1f} MiB after"),
        verdict(recovery is not None and recovery <= 1000, f"as fast as before after {recovery or 0:.0f} ms; 1 s allowed"),
        verdict(all(one == {"200"} for one in probes.values()) and not silent, f"probes: {probes}, no answer: {silent}"),
        verdict(not other and not wrong, f"other statuses: {other}; else: {wrong}"),
    ]
    print(f"{server.title}, {arguments.seconds:.0f} s; load average {os.getloadavg()[0]:.1f}; {processor()}")
    print(over_time(memory))
    print("\n".join(verdicts))
    return {"most": most, "seen": seen, "resident_kib": memory, "verdicts": verdicts}


def soak(arguments, lines, work):
    """Many requests, a tenth of them from clients that abort, dawdle, pipeline, or ask for much at once."""
    texts, expected = echoed(lines, work)
    load = Load(texts, len(lines))
    server = fixed_wait(arguments, 1, 64, 1024)
    with server.start(work) as running:
        options = ["--expected", expected, "--requests", arguments.soak, "--seconds", 24 * 3600]
        seen, memory = watched(load, "soak", running, *options)
        time.sleep(2)
        memory.append([memory[-1][0] + 2, running.memory()[0]])
        alive = running.answers()
    # The first tenth is warming up.
    settled = [resident for _, resident in memory[len(memory) // 10 :]]
    third = max(1, len(settled) // 3)
    early, late = statistics.median(settled[:third]), statistics.median(settled[-third:])
    counts = {name: value for name, value in seen.items() if isinstance(value, int)}
    bad = {what: seen.get(what, 0) for what in ("wrong_answers", "stuck", "broken", "unexpected_status")}
    statuses = {status: one["count"] for status, one in seen["status"].items()}
    verdicts = [
        verdict(seen["requests"] >= arguments.soak, f"{seen['requests']} requests in {seen['seconds']:.0f} s"),
        verdict(not any(bad.values()), f"{bad}"),
        verdict(late <= early * 1.05 + 2048, f"RSS {early / 1024:.1f} MiB early, {late / 1024:.1f} MiB late"),
        verdict(alive, "answers still"),
    ]
    print(f"{server.title}; load average {os.getloadavg()[0]:.1f}; {processor()}")
    print("what clients did: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    print(f"statuses: {statuses}")
    print(over_time(memory))
    print("\n".join(verdicts + [json.dumps(seen["messages"])] if seen.get("messages") else verdicts))
    return {"seen": seen, "resident_kib": memory, "verdicts": verdicts}
