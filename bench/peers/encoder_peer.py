"""Measures a peer on a text classifier; prints one JSON object.

    python encoder_peer.py BACKEND MODEL_DIRECTORY SOURCE TEXTS_FILE [PRECISION]

BACKEND is one of the modules `backend_*.py` here, SOURCE the file or directory that it loads. Tokenization is always inside.
"""

import importlib
import json
import multiprocessing
import sys
import threading
import time
from pathlib import Path

import numpy as np
from tokenization import load_tokenizer

CORES = 2
WARM = 4


class Peer:
    """How this peer makes classifiers, and the batches of each plan that warm one up."""

    def __init__(self, backend, directory, source, precision, plans):
        self.backend, self.directory, self.source, self.precision, self.plans = backend, directory, source, precision, plans

    def module(self):
        return importlib.import_module(f"backend_{self.backend}")

    def warmed(self, threads, callers=1, plans=None):
        module = self.module()
        classifier = module.Classifier(self.directory, self.source, threads, callers, self.precision)
        for plan in plans or self.plans:
            batches = self.plans[plan]
            in_threads(classifier, callers, self.of_each_shape(batches) if module.REMEMBERS_SHAPES else batches[:WARM])
        return classifier

    def of_each_shape(self, batches):
        tokenizer = load_tokenizer(self.directory)
        shapes = {}
        for batch in batches:
            shapes[len(batch), max(len(encoding.ids) for encoding in tokenizer.encode_batch(batch))] = batch
        return list(shapes.values())


def in_threads(classifier, callers, batches):
    """The seconds that all batches take; whichever caller is free takes the next one."""
    lock, remaining = threading.Lock(), iter(batches)

    def work():
        while True:
            with lock:
                batch = next(remaining, None)
            if batch is None:
                return
            classifier.logits(batch)

    threads = [threading.Thread(target=work) for _ in range(callers)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


class Processes:
    """One classifier in each of two processes, which take batches from a shared counter."""

    def __init__(self, peer):
        context = multiprocessing.get_context("spawn")
        self.counter = context.Value("q", 0)
        self.pipes = []
        for _ in range(CORES):
            ours, theirs = context.Pipe()
            context.Process(target=serve, args=(peer, self.counter, theirs), daemon=True).start()
            self.pipes.append(ours)
        for pipe in self.pipes:
            pipe.recv()

    def seconds(self, plan):
        self.counter.value = 0
        started = time.monotonic()
        for pipe in self.pipes:
            pipe.send(plan)
        return max(pipe.recv() for pipe in self.pipes) - started

    def peak_resident(self):
        for pipe in self.pipes:
            pipe.send(None)
        return sum(pipe.recv() for pipe in self.pipes)


def serve(peer, counter, pipe):
    classifier = peer.warmed(1)
    pipe.send("ready")
    while (plan := pipe.recv()) is not None:
        batches = peer.plans[plan]
        while True:
            with counter.get_lock():
                index = counter.value
                counter.value += 1
            if index >= len(batches):
                break
            classifier.logits(batches[index])
        pipe.send(time.monotonic())
    pipe.send(peak_resident())


def peak_resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1])


def alone(classifier, texts):
    """The milliseconds that each text takes, and its logits."""
    times, logits = [], []
    for text in texts:
        started = time.perf_counter()
        logits.append(classifier.logits([text]))
        times.append((time.perf_counter() - started) * 1e3)
    return times, np.concatenate(logits)


def make_plans(texts, tokenizer):
    """The batches of each plan. Those of eight are left out where no text is shorter than another: they then take as long per text."""
    tokens = {text: len(tokenizer.encode(text).ids) for text in texts}
    by_tokens = sorted(texts, key=tokens.get)

    def batches(texts, size):
        return [texts[start : start + size] for start in range(0, len(texts), size)]

    plans = {"batch1": batches(texts, 1)}
    if len(set(tokens.values())) > 1:
        plans |= {"batch8": batches(texts, 8), "sorted8": batches(by_tokens, 8)}
    return plans


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    backend, directory, source = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    texts = Path(sys.argv[4]).read_text().split("\n")
    if texts[-1] == "":
        texts.pop()
    precision = sys.argv[5] if len(sys.argv) == 6 else "f32"
    plans = make_plans(texts, load_tokenizer(directory))
    peer = Peer(backend, directory, source, precision, plans)
    if precision not in peer.module().PRECISIONS:
        print(json.dumps({"cannot": f"{backend} {peer.module().VERSION} has no {precision} on this CPU"}))
        return
    result = {"texts": len(texts), "version": peer.module().VERSION}

    def rates(arrangement, seconds):
        for plan in plans:
            result[f"{plan}_{arrangement}_per_second"] = len(texts) / seconds(plan)

    # The one with both callers first: its peak is what a process needs that uses both cores.
    shared = peer.warmed(1, CORES)
    rates("shared", lambda plan: in_threads(shared, CORES, plans[plan]))
    result["peak_resident_kib"] = peak_resident()
    del shared

    processes = Processes(peer)
    rates("processes", processes.seconds)
    result["peak_resident_kib_two_processes"] = processes.peak_resident()

    for threads in (1, CORES):
        times, logits = alone(peer.warmed(threads, plans=["batch1"]), texts)
        result[f"alone{threads}_p50_ms"] = sorted(times)[len(times) // 2]
    result["batch1_wide_per_second"] = 1e3 * len(texts) / sum(times)

    for plan in plans:
        kinds = (f"{plan}_{kind}_per_second" for kind in ("shared", "processes", "wide"))
        result[f"{plan}_per_second"] = max(result[kind] for kind in kinds if kind in result)

    names = json.loads((directory / "config.json").read_text())["id2label"]
    scores = np.exp(logits - logits.max(1, keepdims=True))
    scores /= scores.sum(1, keepdims=True)
    result["labels"] = [names[str(index)] for index in scores.argmax(1)]
    result["scores"] = [float(score) for score in scores.max(1)]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
