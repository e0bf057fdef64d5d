"""Writes the encoder of a BERT text classifier as CTranslate2 reads it, and its classifier beside it as `head.npz`.

    python ctranslate2_model.py MODEL_DIRECTORY OUTPUT_DIRECTORY

CTranslate2's own converter wants PyTorch and transformers, which this needs neither of.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from ctranslate2.converters import utils
from ctranslate2.specs import common_spec, transformer_spec
from make_minilm import read_safetensors
from tokenizers import Tokenizer

TYPES = {"F32": np.float32, "F16": np.float16}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    directory, output = Path(sys.argv[1]), Path(sys.argv[2])
    config = json.loads((directory / "config.json").read_text())
    tensors = {
        name.removeprefix("bert."): np.frombuffer(data, TYPES[dtype]).reshape(shape).astype(np.float32)
        for name, (dtype, shape, data) in read_safetensors((directory / "model.safetensors").read_bytes()).items()
        if dtype in TYPES
    }

    def linear(spec, name):
        spec.weight, spec.bias = tensors[name + ".weight"], tensors[name + ".bias"]

    def normalisation(spec, name):
        spec.gamma, spec.beta = tensors[name + ".weight"], tensors[name + ".bias"]

    encoder = transformer_spec.TransformerEncoderSpec(
        config["num_hidden_layers"], config["num_attention_heads"], pre_norm=False, activation=common_spec.Activation.GELU,
        layernorm_embedding=True, num_source_embeddings=2, embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    spec = transformer_spec.TransformerEncoderModelSpec(encoder, pooling_layer=True, pooling_activation=common_spec.Activation.Tanh)
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = tensors["embeddings.word_embeddings.weight"]
    encoder.embeddings[1].weight = tensors["embeddings.token_type_embeddings.weight"]
    encoder.position_encodings.encodings = tensors["embeddings.position_embeddings.weight"]
    normalisation(encoder.layernorm_embedding, "embeddings.LayerNorm")
    for index, layer in enumerate(encoder.layer):
        name = f"encoder.layer.{index}."
        parts = [common_spec.LinearSpec() for _ in range(3)]
        for part, which in zip(parts, ("query", "key", "value")):
            linear(part, f"{name}attention.self.{which}")
        utils.fuse_linear(layer.self_attention.linear[0], parts)
        linear(layer.self_attention.linear[1], name + "attention.output.dense")
        normalisation(layer.self_attention.layer_norm, name + "attention.output.LayerNorm")
        linear(layer.ffn.linear_0, name + "intermediate.dense")
        linear(layer.ffn.linear_1, name + "output.dense")
        normalisation(layer.ffn.layer_norm, name + "output.LayerNorm")
    linear(spec.pooler_dense, "pooler.dense")

    words = Tokenizer.from_file(str(directory / "tokenizer.json")).get_vocab()
    spec.register_vocabulary(sorted(words, key=words.get))
    spec.config.unk_token = "[UNK]"
    spec.config.layer_norm_epsilon = config["layer_norm_eps"]
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    spec.validate()
    spec.optimize()
    spec.save(str(output))
    np.savez(output / "head.npz", weight=tensors["classifier.weight"], bias=tensors["classifier.bias"])


main()
