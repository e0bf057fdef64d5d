"""OpenVINO with the graph that ONNX Runtime has, or the bytes that `openvino_quantize.py` made of it."""

import threading

import openvino
from tokenization import encode, load_tokenizer

VERSION = openvino.__version__
# It compiles for each shape of inputs that it meets, and keeps what it compiled.
REMEMBERS_SHAPES = True
PRECISIONS = ("f32", "bf16", "int8")


class Classifier:
    """A compiled model of a stream per caller, each of which computes with `threads`; every caller has a request of its own."""

    def __init__(self, directory, graph, threads, callers=1, precision="f32"):
        self.compiled = openvino.Core().compile_model(
            str(graph),
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY" if callers == 1 else "THROUGHPUT",
                "NUM_STREAMS": callers,
                "INFERENCE_NUM_THREADS": threads * callers,
                # On a CPU with AMX it would round to 16 bits otherwise.
                "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
                # Two processes would pin their only thread to the same core.
                "ENABLE_CPU_PINNING": threads * callers > 1,
            },
        )
        self.names = [given.any_name for given in self.compiled.inputs]
        self.requests = threading.local()
        self.tokenizer = load_tokenizer(directory)

    def logits(self, texts):
        if not hasattr(self.requests, "own"):
            self.requests.own = self.compiled.create_infer_request()
        inputs = encode(self.tokenizer, texts)
        return self.requests.own.infer({name: inputs[name] for name in self.names})[0].copy()
