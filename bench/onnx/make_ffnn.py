"""Writes a feed-forward net of the shape of the Crayfish benchmark's: 784 pixels, four layers of 32 units, 10 classes.

    python make_ffnn.py OUTPUT.onnx

Random weights: good for speed and agreement, and for nothing else.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZES = (784, 32, 32, 32, 32, 10)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rng = np.random.default_rng(3)
    nodes, initializers, value = [], [], "input"
    for layer, (inputs, outputs) in enumerate(zip(SIZES, SIZES[1:])):
        weight = rng.normal(0, inputs**-0.5, (outputs, inputs)).astype(np.float32)
        bias = rng.normal(0, 0.1, outputs).astype(np.float32)
        initializers += [numpy_helper.from_array(weight, f"weight{layer}"), numpy_helper.from_array(bias, f"bias{layer}")]
        last = layer == len(SIZES) - 2
        result = "output" if last else f"sum{layer}"
        nodes.append(helper.make_node("Gemm", [value, f"weight{layer}", f"bias{layer}"], [result], transB=1))
        if not last:
            nodes.append(helper.make_node("Relu", [result], [f"units{layer}"]))
        value = f"units{layer}"
    declared = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])
        for name, size in (("input", SIZES[0]), ("output", SIZES[-1]))
    ]
    graph = helper.make_graph(nodes, "ffnn", declared[:1], declared[1:], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])


if __name__ == "__main__":
    main()
