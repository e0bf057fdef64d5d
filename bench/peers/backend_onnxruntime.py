"""ONNX Runtime with a graph of `onnx_model.py`, or one that `onnx_quantize.py` made of it."""

import onnxruntime
from tokenization import encode, load_tokenizer

VERSION = onnxruntime.__version__
REMEMBERS_SHAPES = False
PRECISIONS = ("f32", "int8")


class Classifier:
    """A session that any number of threads may call, each of which computes with `threads` of them."""

    def __init__(self, directory, graph, threads, callers=1, precision=None):
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
        inputs = encode(self.tokenizer, texts)
        return self.session.run(None, {name: inputs[name] for name in self.names})[0]
