"""Writes a small image classifier: 3 x 64 x 64 pixels, four stages of two residual blocks of 3 x 3 convolutions, 10 classes.

    python make_convolutions.py OUTPUT.onnx

Random weights: good for speed and agreement, and for nothing else.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = (16, 32, 64, 128)


class Graph:
    def __init__(self):
        self.rng, self.nodes, self.initializers = np.random.default_rng(5), [], []

    def weights(self, *shape):
        name = f"weight{len(self.initializers)}"
        values = self.rng.normal(0, float(np.prod(shape[1:])) ** -0.5, shape).astype(np.float32)
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op, *inputs, **attributes):
        output = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def convolution(self, value, inputs, outputs, stride=1):
        weight = self.weights(outputs, inputs, 3, 3)
        return self.node("Conv", value, weight, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[stride, stride])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    graph = Graph()
    value, inputs = "input", 3
    for stage, channels in enumerate(CHANNELS):
        value = graph.node("Relu", graph.convolution(value, inputs, channels, 1 if stage == 0 else 2))
        for _ in range(2):
            inner = graph.node("Relu", graph.convolution(value, channels, channels))
            inner = graph.convolution(inner, channels, channels)
            value = graph.node("Relu", graph.node("Add", value, inner))
        inputs = channels
    value = graph.node("Flatten", graph.node("GlobalAveragePool", value))
    graph.nodes.append(helper.make_node("MatMul", [value, graph.weights(inputs, 10)], ["output"]))
    tensors = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 64, 64]),
        helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 10]),
    ]
    made = helper.make_graph(graph.nodes, "convolutions", tensors[:1], tensors[1:], graph.initializers)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])


if __name__ == "__main__":
    main()
