"""Quantizes an ONNX graph to bytes as OpenVINO's documentation has it for transformers: weights and activations, calibrated.

    python openvino_quantize.py MODEL_DIRECTORY MODEL.onnx TEXTS_FILE OUTPUT.xml

The scales of activations come from the first 300 texts; none is computed while the model runs.
"""

import sys
from pathlib import Path

import nncf
import openvino
from tokenization import encode, load_tokenizer

CALIBRATION = 300


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    tokenizer = load_tokenizer(Path(sys.argv[1]))
    texts = Path(sys.argv[3]).read_text().splitlines()[:CALIBRATION]
    model = openvino.Core().read_model(sys.argv[2])
    names = [given.any_name for given in model.inputs]

    def inputs(text):
        encoded = encode(tokenizer, [text])
        return {name: encoded[name] for name in names}

    quantized = nncf.quantize(model, nncf.Dataset(texts, inputs), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(texts))
    openvino.save_model(quantized, sys.argv[4], compress_to_fp16=False)


main()
