"""Quantizes an ONNX graph as ONNX Runtime does it without calibration.

    python onnx_quantize.py MODEL.onnx OUTPUT-per-channel.onnx

Weights become signed bytes with a scale per channel, or per tensor where the output's name ends so; activations are quantized when
they are computed, each tensor as a whole.
"""

import sys
from pathlib import Path

from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    # The fused operators' outputs have no type that the quantizer infers by itself.
    quantize_dynamic(
        source, target, per_channel=target.stem.endswith("channel"), weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )


main()
