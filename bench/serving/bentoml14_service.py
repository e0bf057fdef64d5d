"""A service class of BentoML 1.4 around ONNX Runtime, with its adaptive batching.

    SERVED_MODEL=DIRECTORY SERVED_GRAPH=MODEL.onnx SERVED_WORKERS=1 SERVED_THREADS=2 SERVED_BATCH=32 \
        bentoml serve bentoml14_service:Classifier
"""

import os
import sys
from pathlib import Path

import bentoml

sys.path.insert(0, str(Path(__file__).resolve().parent))
from onnx_classifier import LabelClassifier  # noqa: E402

WORKERS, THREADS, BATCH = (int(os.environ[f"SERVED_{name}"]) for name in ("WORKERS", "THREADS", "BATCH"))


@bentoml.service(workers=WORKERS)
class Classifier:
    def __init__(self):
        self.session = LabelClassifier(os.environ["SERVED_MODEL"], os.environ["SERVED_GRAPH"], THREADS).warm_up()

    @bentoml.api(batchable=True, max_batch_size=BATCH)
    def classify(self, texts: list[str]) -> list[dict]:
        return self.session.classify(texts)
