"""The sides of a measurement. Each has a method that measures it once and gives a flat mapping of figures, and the outputs it had."""

import json
import time

from commands import HERE, environment, install, run


class Cannot(Exception):
    """A peer has nothing for this model or precision."""


class Riverrun:
    def __init__(self, binary, model, texts, first, precision):
        self.binary, self.model, self.texts, self.first = binary, model, texts, first
        self.name, self.precision = f"riverrun {precision}", precision

    def run(self, *arguments, **variables):
        return run([self.binary, self.model, *arguments], env=environment(MEASURE_PRECISION=self.precision, **variables))

    def measure(self):
        figures = json.loads(self.run(self.texts))
        alone = json.loads(self.run(self.texts, "alone", 1, RIVERRUN_NUM_THREADS=1))
        figures["alone1_p50_ms"] = alone["alone_p50_ms"][0]
        started = time.monotonic()
        self.run(self.first, "first")
        figures["first5_seconds"] = time.monotonic() - started
        if not figures.pop("stream_equals_batch"):
            raise RuntimeError("the stream's results are not those of run_batch")
        return figures, list(zip(figures.pop("labels"), figures.pop("scores")))


class Encoder:
    """A runtime for encoders, by `encoder_peer.py`. Its figures are called as there, with the name of what it loads before them."""

    def __init__(self, peer, model, texts, calibration, work, precision):
        self.model, self.texts = model, texts
        self.peer, self.precision = peer, "int8" if precision.startswith("int8") else precision
        self.name = f"{peer} {self.precision}"
        self.python = install(peer)
        self.sources = getattr(self, f"prepare_{peer}")(calibration, work)

    def prepare_onnxruntime(self, _, work):
        graph = onnx_graph(self.model, work)
        if self.precision != "int8":
            return {"": graph}
        graphs = {f"per {scale}": work / f"{self.model.name}-int8-per-{scale}.onnx" for scale in ("channel", "tensor")}
        for quantized in graphs.values():
            if not quantized.exists():
                # Without this directory on the path, where another `onnx_model` lies than the quantizer's own.
                run([self.python, "-P", HERE / "onnx_quantize.py", graph, quantized])
        return graphs

    def prepare_openvino(self, calibration, work):
        graph = onnx_graph(self.model, work)
        if self.precision != "int8":
            return {"": graph}
        quantized = work / f"{self.model.name}-int8-openvino.xml"
        if not quantized.exists():
            run([self.python, HERE / "openvino_quantize.py", self.model, graph, calibration, quantized])
        return {"": quantized}

    def prepare_pytorch(self, *_):
        return {"": self.model}

    def prepare_ctranslate2(self, _, work):
        converted = work / f"{self.model.name}-ctranslate2"
        if not converted.exists():
            run([self.python, HERE / "ctranslate2_model.py", self.model, converted])
        return {"": converted}

    def measure(self):
        measured, outputs = {}, None
        for source, path in self.sources.items():
            program = [self.python, HERE / "encoder_peer.py", self.peer, self.model, path, self.texts, self.precision]
            figures = json.loads(run(program))
            if "cannot" in figures:
                raise Cannot(figures["cannot"])
            labels, scores = figures.pop("labels"), figures.pop("scores")
            outputs = outputs or list(zip(labels, scores))
            measured |= {f"{source}:{name}": value for name, value in figures.items()}
        return measured, outputs


def onnx_graph(model, work):
    """The graph of f32, which a revision of `onnx_model.py` may write differently, so it is written each time."""
    graph = work / f"{model.name}.onnx"
    run([install("onnxruntime"), HERE / "onnx_model.py", model, graph])
    return graph
