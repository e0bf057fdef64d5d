"""Writes a BERT text classifier of random weights, the same each time: its speed is that of a trained one.

    python make_random.py LAYERS HIDDEN TOKENIZER_DIRECTORY OUTPUT_DIRECTORY

Heads of 64, four times the width in between, and the tokenizer of the other directory.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from make_minilm import write_safetensors

LABELS = ("negative", "neutral", "positive")
# Twice what training starts with: the texts' scores are then far enough apart to be compared.
DEVIATION = 0.04


def shapes(layers, hidden, config):
    """Name and shape of each matrix that is not square, and of each `Linear` by its outputs and inputs."""
    embeddings = "bert.embeddings."
    yield embeddings + "word_embeddings.weight", (config["vocab_size"], hidden)
    yield embeddings + "position_embeddings.weight", (config["max_position_embeddings"], hidden)
    yield embeddings + "token_type_embeddings.weight", (config["type_vocab_size"], hidden)
    for index in range(layers):
        layer = f"bert.encoder.layer.{index}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            yield f"{layer}{name}.weight", (hidden, hidden)
        yield f"{layer}intermediate.dense.weight", (4 * hidden, hidden)
        yield f"{layer}output.dense.weight", (hidden, 4 * hidden)
    yield "bert.pooler.dense.weight", (hidden, hidden)
    yield "classifier.weight", (len(LABELS), hidden)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    layers, hidden = int(sys.argv[1]), int(sys.argv[2])
    source, output = Path(sys.argv[3]), Path(sys.argv[4])
    output.mkdir(parents=True, exist_ok=True)
    config = json.loads((source / "config.json").read_text()) | {
        "num_hidden_layers": layers, "hidden_size": hidden, "intermediate_size": 4 * hidden, "num_attention_heads": hidden // 64,
        "id2label": {str(index): label for index, label in enumerate(LABELS)},
        "label2id": {label: index for index, label in enumerate(LABELS)},
    }
    (output / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(source / name, output / name)

    random, tensors = np.random.default_rng(7), {}

    def add(name, array):
        tensors[name] = ("F32", list(array.shape), np.ascontiguousarray(array, np.float32).tobytes())

    def normalise(name):
        add(name + ".weight", 1 + 0.1 * random.standard_normal(hidden))
        add(name + ".bias", 0.1 * random.standard_normal(hidden))

    normalise("bert.embeddings.LayerNorm")
    for name, shape in shapes(layers, hidden, config):
        add(name, random.standard_normal(shape, np.float32) * np.float32(DEVIATION))
        if "embeddings" not in name:
            add(name.removesuffix("weight") + "bias", random.standard_normal(shape[0]) * DEVIATION)
    for index in range(layers):
        for name in ("attention.output", "output"):
            normalise(f"bert.encoder.layer.{index}.{name}.LayerNorm")
    write_safetensors(output / "model.safetensors", tensors)


if __name__ == "__main__":
    main()
