"""Writes the ONNX graph of a BERT text classifier, as ONNX Runtime runs it fastest.

    python onnx_model.py MODEL_DIRECTORY OUTPUT.onnx

The nodes are those that `onnxruntime.transformers.optimizer` leaves of an exported model: fused attention, fused skip
connections with their layer norms, fused bias with the exact (erf) GELU. Weights of 16 bits are widened to 32.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from make_minilm import read_safetensors

TYPES = {"F32": np.float32, "F16": np.float16}


def read_weights(directory):
    tensors = read_safetensors((directory / "model.safetensors").read_bytes())
    return {
        name: np.frombuffer(data, TYPES[dtype]).reshape(shape).astype(np.float32)
        for name, (dtype, shape, data) in tensors.items()
        if dtype in TYPES
    }


class Graph:
    def __init__(self, weights):
        self.weights, self.nodes, self.initializers = weights, [], {}

    def constant(self, name, array):
        self.initializers[name] = numpy_helper.from_array(np.array(array, order="C"), name)
        return name

    def weight(self, name):
        return self.constant(name, self.weights[name])

    def matrix(self, name):
        """A `Linear` keeps its matrix transposed."""
        return self.constant(name, self.weights[name].T)

    def node(self, op, inputs, output, domain="", **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def fused(self, op, inputs, output, **attributes):
        return self.node(op, inputs, output, domain="com.microsoft", **attributes)


def build(directory):
    config = json.loads((directory / "config.json").read_text())
    if config["architectures"] != ["BertForSequenceClassification"] or config["hidden_act"] != "gelu":
        sys.exit(f"{directory} is not a BertForSequenceClassification with GELU")
    epsilon = config["layer_norm_eps"]
    graph = Graph(read_weights(directory))

    mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
    embeddings = "bert.embeddings."
    words = graph.node("Gather", [graph.weight(embeddings + "word_embeddings.weight"), "input_ids"], "words")
    types = graph.node("Gather", [graph.weight(embeddings + "token_type_embeddings.weight"), "token_type_ids"], "types")
    shape = graph.node("Shape", ["input_ids"], "shape")
    length = graph.node("Slice", [shape, graph.constant("one", np.array([1])), graph.constant("two", np.array([2]))], "length")
    positions = graph.node(
        "Slice",
        [graph.weight(embeddings + "position_embeddings.weight"), graph.constant("zero", np.array([0])), length, "zero"],
        "positions",
    )
    placed = graph.node("Add", [types, positions], "placed")
    norm = embeddings + "LayerNorm."
    hidden = graph.fused(
        "SkipLayerNormalization",
        [words, placed, graph.weight(norm + "weight"), graph.weight(norm + "bias")],
        "embedded",
        epsilon=epsilon,
    )

    for index in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{index}."
        inner = [f"{layer}attention.self.{part}" for part in ("query", "key", "value")]
        attended = graph.fused(
            "Attention",
            [
                hidden,
                graph.constant(layer + "qkv", np.concatenate([graph.weights[name + ".weight"].T for name in inner], 1)),
                graph.constant(layer + "qkv.bias", np.concatenate([graph.weights[name + ".bias"] for name in inner])),
                mask,
            ],
            layer + "attended",
            num_heads=config["num_attention_heads"],
        )
        hidden = residual(graph, layer + "attention.output.", attended, hidden, epsilon)
        wide = layer + "intermediate.dense."
        widened = graph.node("MatMul", [hidden, graph.matrix(wide + "weight")], layer + "widened")
        activated = graph.fused("BiasGelu", [widened, graph.weight(wide + "bias")], layer + "activated")
        hidden = residual(graph, layer + "output.", activated, hidden, epsilon)

    first = graph.node("Gather", [hidden, graph.constant("first", np.array(0))], "first_token", axis=1)
    pooled = dense(graph, "bert.pooler.dense.", first, "pooled")
    pooled = graph.node("Tanh", [pooled], "pooled_tanh")
    dense(graph, "classifier.", pooled, "logits")

    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "classifier",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
                for name in ("input_ids", "attention_mask", "token_type_ids")
            ],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "labels"])],
            list(graph.initializers.values()),
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
        ir_version=8,
    )


def residual(graph, name, value, skip, epsilon):
    """A dense layer, added to what went in and normalised."""
    value = graph.node("MatMul", [value, graph.matrix(name + "dense.weight")], name + "product")
    norm = name + "LayerNorm."
    inputs = [value, skip, graph.weight(norm + "weight"), graph.weight(norm + "bias"), graph.weight(name + "dense.bias")]
    return graph.fused("SkipLayerNormalization", inputs, name + "normalised", epsilon=epsilon)


def dense(graph, name, value, output):
    return graph.node("Gemm", [value, graph.matrix(name + "weight"), graph.weight(name + "bias")], output)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    onnx.save(build(Path(sys.argv[1])), sys.argv[2])


if __name__ == "__main__":
    main()
