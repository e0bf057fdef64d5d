"""CTranslate2 with a BERT encoder that `ctranslate2_model.py` wrote; the classifier on top of it is numpy's."""

import ctranslate2
import numpy as np
from tokenization import load_tokenizer

VERSION = ctranslate2.__version__
REMEMBERS_SHAPES = False
TYPES = {"f32": "float32", "bf16": "bfloat16", "int8": "int8"}
PRECISIONS = [name for name, kind in TYPES.items() if kind in ctranslate2.get_supported_compute_types("cpu")]


class Classifier:
    """An encoder of a worker per caller (`inter_threads`), each of which computes with `threads` (`intra_threads`)."""

    def __init__(self, directory, converted, threads, callers=1, precision="f32"):
        self.encoder = ctranslate2.Encoder(
            str(converted), "cpu", inter_threads=callers, intra_threads=threads, compute_type=TYPES[precision]
        )
        head = np.load(converted / "head.npz")
        self.weight, self.bias = head["weight"].T, head["bias"]
        self.tokenizer = load_tokenizer(directory)

    def logits(self, texts):
        encodings = self.tokenizer.encode_batch(texts)
        output = self.encoder.forward_batch([encoding.ids for encoding in encodings])
        pooled = np.array(output.pooler_output.to(ctranslate2.DataType.float32))
        return pooled @ self.weight + self.bias
