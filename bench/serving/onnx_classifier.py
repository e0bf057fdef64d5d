"""The classifier that both servers around ONNX Runtime have: the session and tokenizer of `bench/peers`, and labels."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))

import numpy as np  # noqa: E402
from backend_onnxruntime import Classifier  # noqa: E402
from tokenization import INPUTS, load_tokenizer  # noqa: E402

__all__ = ["LabelClassifier", "load_tokenizer"]


class LabelClassifier(Classifier):
    def __init__(self, directory, graph, threads):
        super().__init__(Path(directory), graph, threads)
        names = json.loads((Path(directory) / "config.json").read_text())["id2label"]
        self.names = [names[str(index)] for index in range(len(names))]

    def warm_up(self):
        for words in (4, 8, 16, 32) * 4:
            self.classify(["word " * words])
        return self

    def classify(self, texts):
        """The best label of each text."""
        return self.classify_encoded(self.tokenizer.encode_batch(texts))

    def classify_encoded(self, encodings):
        longest = max(len(encoding.ids) for encoding in encodings)
        inputs = {name: np.zeros((len(encodings), longest), np.int64) for name in INPUTS}
        for row, encoding in enumerate(encodings):
            tokens = len(encoding.ids)
            inputs["input_ids"][row, :tokens] = encoding.ids
            inputs["attention_mask"][row, :tokens] = 1
            inputs["token_type_ids"][row, :tokens] = encoding.type_ids
        logits = self.session.run(None, inputs)[0]
        scores = np.exp(logits - logits.max(1, keepdims=True))
        scores /= scores.sum(1, keepdims=True)
        return [
            {"label": self.names[best], "score": float(row[best])} for best, row in zip(scores.argmax(1), scores)
        ]
