"""Writes the ONNX graph of a BERT text classifier, as ONNX Runtime runs it fastest.

    python onnx_model.py MODEL_DIRECTORY OUTPUT.onnx

Plain operators, as PyTorch exports them, but for the exact (erf) GELU, which is fused with its bias as ONNX Runtime's own
optimizer does it. The other operators that it can fuse, attention and skip connections with their layer norms, take longer
on a CPU than those they replace. Weights of 16 bits are widened to 32.
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

    heads = config["num_attention_heads"]
    size = config["hidden_size"] // heads
    mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    mask = graph.node("Unsqueeze", [mask, graph.constant("middle", np.array([1, 2]))], "wide_mask")
    padded = graph.node("Sub", [graph.constant("whole", np.array(1, np.float32)), mask], "padded")
    penalty = graph.node("Mul", [padded, graph.constant("lowest", np.array(-1e9, np.float32))], "penalty")
    embeddings = "bert.embeddings."
    words = graph.node("Gather", [graph.weight(embeddings + "word_embeddings.weight"), "input_ids"], "words")
    types = graph.node("Gather", [graph.weight(embeddings + "token_type_embeddings.weight"), "token_type_ids"], "types")
    # Counted rather than sliced, so that every shape is known to be [batch, tokens]: ONNX Runtime then reuses its buffers.
    zeros = graph.node("Mul", ["input_ids", graph.constant("zero", np.array(0))], "zeros")
    ones = graph.node("Add", [zeros, graph.constant("one", np.array(1))], "ones")
    counted = graph.node("CumSum", [ones, graph.constant("axis", np.array(1))], "counted", exclusive=1)
    table = graph.weight(embeddings + "position_embeddings.weight")
    positions = graph.node("Gather", [table, counted], "positions")
    placed = graph.node("Add", [types, positions], "placed")
    embedded = graph.node("Add", [words, placed], "embedded")
    hidden = normalise(graph, embeddings, embedded, epsilon)

    for index in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{index}."
        attended = attend(graph, layer, hidden, penalty, heads, size)
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


def attend(graph, layer, hidden, penalty, heads, size):
    """Attention of plain operators: on a core with few tokens, they are no slower than fused ones."""

    def part(name, order):
        linear = f"{layer}attention.self.{name}."
        value = graph.node("MatMul", [hidden, graph.matrix(linear + "weight")], linear + "product")
        value = graph.node("Add", [value, graph.weight(linear + "bias")], linear + "biased")
        value = graph.node("Reshape", [value, graph.constant("by_head", np.array([0, 0, heads, size]))], linear + "heads")
        return graph.node("Transpose", [value], linear + "turned", perm=order)

    query, key, value = part("query", [0, 2, 1, 3]), part("key", [0, 2, 3, 1]), part("value", [0, 2, 1, 3])
    scores = graph.node("MatMul", [query, key], layer + "scores")
    scale = graph.constant("scale", np.array(size**-0.5, np.float32))
    scores = graph.node("Mul", [scores, scale], layer + "scaled")
    scores = graph.node("Add", [scores, penalty], layer + "masked")
    shares = graph.node("Softmax", [scores], layer + "shares", axis=-1)
    mixed = graph.node("MatMul", [shares, value], layer + "mixed")
    mixed = graph.node("Transpose", [mixed], layer + "mixed_turned", perm=[0, 2, 1, 3])
    return graph.node("Reshape", [mixed, graph.constant("together", np.array([0, 0, heads * size]))], layer + "attended")


def residual(graph, name, value, skip, epsilon):
    """A dense layer, added to what went in and normalised."""
    value = graph.node("MatMul", [value, graph.matrix(name + "dense.weight")], name + "product")
    value = graph.node("Add", [value, graph.weight(name + "dense.bias")], name + "biased")
    return normalise(graph, name, graph.node("Add", [value, skip], name + "sum"), epsilon)


def normalise(graph, name, value, epsilon):
    inputs = [value, graph.weight(name + "LayerNorm.weight"), graph.weight(name + "LayerNorm.bias")]
    return graph.node("LayerNormalization", inputs, name + "normalised", axis=-1, epsilon=epsilon)


def dense(graph, name, value, output):
    return graph.node("Gemm", [value, graph.matrix(name + "weight"), graph.weight(name + "bias")], output)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    onnx.save(build(Path(sys.argv[1])), sys.argv[2])


if __name__ == "__main__":
    main()
