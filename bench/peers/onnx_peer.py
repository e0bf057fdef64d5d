"""Measures ONNX Runtime on a text classifier; prints one JSON object.

    python onnx_peer.py MODEL_DIRECTORY MODEL.onnx TEXTS_FILE

Tokenization is always inside. Every throughput is measured three times: with two processes of one session each, with two
sessions on two threads of one process, and with one session that two threads call; all are printed and the best counts.
"""

import json
import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

SESSIONS = 2
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def load_tokenizer(directory):
    """As Riverrun reads it: no padding, and the limit of the model's configuration."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    config = json.loads((directory / "config.json").read_text())
    limit = config.get("max_position_embeddings") or config["n_positions"]
    settings = directory / "tokenizer_config.json"
    if settings.exists():
        limit = min(limit, int(json.loads(settings.read_text()).get("model_max_length", limit)))
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit)
    return tokenizer


class Classifier:
    def __init__(self, directory, graph, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Its fused skip connections and layer norms take several times as long on CPUs as the nodes they replace.
        slow = ["SkipLayerNormFusion"]
        self.session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"], disabled_optimizers=slow
        )
        self.names = [given.name for given in self.session.get_inputs()]
        self.tokenizer = load_tokenizer(directory)

    def logits(self, texts):
        if len(texts) == 1:
            encoding = self.tokenizer.encode(texts[0])
            rows = (encoding.ids, encoding.attention_mask, encoding.type_ids)
            inputs = {name: np.array([row], np.int64) for name, row in zip(INPUTS, rows)}
        else:
            encodings = self.tokenizer.encode_batch(texts)
            longest = max(len(encoding.ids) for encoding in encodings)
            inputs = {name: np.zeros((len(texts), longest), np.int64) for name in INPUTS}
            for row, encoding in enumerate(encodings):
                tokens = len(encoding.ids)
                inputs["input_ids"][row, :tokens] = encoding.ids
                inputs["attention_mask"][row, :tokens] = 1
                inputs["token_type_ids"][row, :tokens] = encoding.type_ids
        return self.session.run(None, {name: inputs[name] for name in self.names})[0]


def warmed(directory, graph, texts):
    classifier = Classifier(directory, graph, 1)
    for text in texts[:32]:
        classifier.logits([text])
    return classifier


def in_threads(classifiers, batches):
    """The seconds that all batches take; whichever session is free takes the next one."""
    lock, remaining = threading.Lock(), iter(batches)

    def work(classifier):
        while True:
            with lock:
                batch = next(remaining, None)
            if batch is None:
                return
            classifier.logits(batch)

    threads = [threading.Thread(target=work, args=(classifier,)) for classifier in classifiers]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


class Processes:
    """One session in each of two processes, which take batches from a shared counter."""

    def __init__(self, directory, graph, plans):
        context = multiprocessing.get_context("spawn")
        self.counter = context.Value("q", 0)
        self.pipes = []
        for _ in range(SESSIONS):
            ours, theirs = context.Pipe()
            arguments = (directory, graph, plans, self.counter, theirs)
            context.Process(target=serve, args=arguments, daemon=True).start()
            self.pipes.append(ours)
        for pipe in self.pipes:
            pipe.recv()

    def run(self, plan):
        self.counter.value = 0
        started = time.monotonic()
        for pipe in self.pipes:
            pipe.send(plan)
        return max(pipe.recv() for pipe in self.pipes) - started

    def peak_resident(self):
        for pipe in self.pipes:
            pipe.send(None)
        return sum(pipe.recv() for pipe in self.pipes)


def serve(directory, graph, plans, counter, pipe):
    classifier = warmed(directory, graph, [text for (text,) in plans["batch1"]])
    pipe.send("ready")
    while (plan := pipe.recv()) is not None:
        batches = plans[plan]
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
    """The milliseconds that each text takes, sorted."""
    for text in texts[:32]:
        classifier.logits([text])
    times = []
    for text in texts:
        started = time.perf_counter()
        classifier.logits([text])
        times.append((time.perf_counter() - started) * 1e3)
    return sorted(times)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    directory, graph = Path(sys.argv[1]), Path(sys.argv[2])
    texts = Path(sys.argv[3]).read_text().split("\n")
    if texts[-1] == "":
        texts.pop()
    tokenizer = load_tokenizer(directory)
    by_tokens = sorted(texts, key=lambda text: len(tokenizer.encode(text).ids))

    def batches(texts, size):
        return [texts[start : start + size] for start in range(0, len(texts), size)]

    plans = {"batch1": batches(texts, 1), "batch8": batches(texts, 8), "sorted8": batches(by_tokens, 8)}
    result = {"texts": len(texts), "onnxruntime": onnxruntime.__version__}

    one = warmed(directory, graph, texts)
    for plan in plans:
        result[f"{plan}_shared_per_second"] = len(texts) / in_threads([one] * SESSIONS, plans[plan])
    result["peak_resident_kib"] = peak_resident()

    classifiers = [one, warmed(directory, graph, texts)]
    for plan in plans:
        result[f"{plan}_threads_per_second"] = len(texts) / in_threads(classifiers, plans[plan])

    processes = Processes(directory, graph, plans)
    for plan in plans:
        result[f"{plan}_processes_per_second"] = len(texts) / processes.run(plan)
        best = max(result[f"{plan}_{kind}_per_second"] for kind in ("shared", "threads", "processes"))
        result[f"{plan}_per_second"] = best
    result["peak_resident_kib_two_processes"] = processes.peak_resident()

    times = alone(one, texts)
    result["alone1_p50_ms"], result["alone1_p99_ms"] = times[len(times) // 2], times[len(times) * 99 // 100]
    logits = np.concatenate([one.logits([text]) for text in texts])
    del one, classifiers
    times = alone(Classifier(directory, graph, 2), texts)
    result["alone2_p50_ms"], result["alone2_p99_ms"] = times[len(times) // 2], times[len(times) * 99 // 100]

    names = json.loads((directory / "config.json").read_text())["id2label"]
    scores = np.exp(logits - logits.max(1, keepdims=True))
    scores /= scores.sum(1, keepdims=True)
    result["labels"] = [names[str(index)] for index in scores.argmax(1)]
    result["scores"] = [float(score) for score in scores.max(1)]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
