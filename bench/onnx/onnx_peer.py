"""ONNX Runtime's side of run.py; prints one JSON object.

    python onnx_peer.py stream MODEL.onnx RECORDS BATCH
    python onnx_peer.py batches MODEL.onnx BATCH TOKENS THREADS SECONDS

Inputs are made up as the other side makes them up, and ready before the time starts. What the figures mean is in the README.
"""

import json
import multiprocessing
import sys
import threading
import time

import numpy as np
import onnxruntime

ROWS = 4096
CORES = 2


def open_session(path, threads, spinning=True):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def spread(first, count):
    return (np.arange(first, first + count, dtype=np.uint64) * 2_654_435_761) & 0xFFFFFFFF


def floats(first, count):
    return ((spread(first, count) >> 8) / (1 << 24)).astype(np.float32)


def integers(name, first, count):
    if name == "input_ids":
        return (spread(first, count) % 1000 + 1).astype(np.int64)
    return np.full(count, int(name == "attention_mask"), np.int64)


def inputs_of(session, items, tokens, first=0):
    made = {}
    for given in session.get_inputs():
        shape = [size if isinstance(size, int) else tokens for size in given.shape[1:]]
        count = int(np.prod(shape))
        places = (first * count, items * count)
        values = floats(*places) if given.type == "tensor(float)" else integers(given.name, *places)
        made[given.name] = values.reshape(items, *shape)
    return made


def peak_resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1])


def ready(session, batch):
    """All rows, in batches."""
    return [inputs_of(session, min(batch, ROWS - first), 1, first) for first in range(0, ROWS, batch)]


def in_threads(session, batches, count):
    """The seconds in which two threads that call one session take so many batches."""
    lock, numbers = threading.Lock(), iter(range(count))

    def work():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            session.run(None, batches[number % len(batches)])

    threads = [threading.Thread(target=work) for _ in range(CORES)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def serve(path, batch, count, pipe):
    session = open_session(path, 1)
    batches = ready(session, batch)
    for number in range(min(count, 100)):
        session.run(None, batches[number % len(batches)])
    pipe.send("ready")
    pipe.recv()
    for number in range(count):
        session.run(None, batches[number % len(batches)])
    pipe.send(peak_resident())


def in_processes(path, batch, count):
    """The seconds in which two processes take half of the batches each, and their memory."""
    context, pipes = multiprocessing.get_context("spawn"), []
    for _ in range(CORES):
        ours, theirs = context.Pipe()
        context.Process(target=serve, args=(path, batch, count // CORES, theirs), daemon=True).start()
        pipes.append(ours)
    for pipe in pipes:
        pipe.recv()
    started = time.perf_counter()
    for pipe in pipes:
        pipe.send("go")
    memory = sum(pipe.recv() for pipe in pipes)
    return time.perf_counter() - started, memory


def stream(path, records, batch):
    session = open_session(path, 1)
    batches, count = ready(session, batch), -(-records // batch)
    in_threads(session, batches, count // 10)
    threads = count * batch / in_threads(session, batches, count)
    memory = peak_resident()
    seconds, memory_of_two = in_processes(path, batch, count)
    outputs = session.run(None, inputs_of(session, ROWS, 1))[0].astype(np.float64)
    print(json.dumps({
        "threads_per_second": threads,
        "processes_per_second": count // CORES * CORES * batch / seconds,
        "outputs": outputs[:64].flatten().tolist(),
        # Of rows that a stream of `n` records has, which begins anew after the last of them.
        "sums": {n: (outputs.sum(0) * (n // ROWS) + outputs[: n % ROWS].sum(0)).tolist() for n in (records, records // 4)},
        "peak_resident_kib": memory,
        "peak_resident_kib_two_processes": memory_of_two,
    }))


def batches(path, batch, tokens, threads, seconds):
    figures = {}
    for kind, spinning in (("", True), ("quiet_", False)):
        session = open_session(path, threads, spinning)
        inputs, times, begin = inputs_of(session, batch, tokens), [], time.perf_counter()
        while (now := time.perf_counter()) < begin + seconds / 2:
            outputs = session.run(None, inputs)
            if now > begin + seconds / 10:
                times.append(time.perf_counter() - now)
        times.sort()
        figures[f"{kind}p50_us"], figures[f"{kind}p10_us"] = times[len(times) // 2] * 1e6, times[len(times) // 10] * 1e6
        figures["outputs"] = outputs[0].flatten().tolist()
        del session
    print(json.dumps(figures | {"peak_resident_kib": peak_resident()}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["stream"] and len(sys.argv) == 5:
        stream(sys.argv[2], *map(int, sys.argv[3:]))
    elif sys.argv[1:2] == ["batches"] and len(sys.argv) == 7:
        batches(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        sys.exit(__doc__)
