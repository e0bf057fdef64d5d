"""Texts as arrays of tokens, as Riverrun reads them: truncated at the limit of the model's configuration."""

import json
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
from tokenizers import Tokenizer

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def load_tokenizer(directory):
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    config = json.loads((directory / "config.json").read_text())
    limit = config.get("max_position_embeddings") or config["n_positions"]
    settings = directory / "tokenizer_config.json"
    if settings.exists():
        limit = min(limit, int(json.loads(settings.read_text()).get("model_max_length", limit)))
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit)
    return tokenizer


def encode(tokenizer, texts):
    """A mapping of `INPUTS` to arrays [texts, tokens], padded to the longest of the texts."""
    if len(texts) == 1:
        encoding = tokenizer.encode(texts[0])
        rows = (encoding.ids, encoding.attention_mask, encoding.type_ids)
        return {name: np.array([row], np.int64) for name, row in zip(INPUTS, rows)}
    encodings = tokenizer.encode_batch(texts)
    longest = max(len(encoding.ids) for encoding in encodings)
    inputs = {name: np.zeros((len(texts), longest), np.int64) for name in INPUTS}
    for row, encoding in enumerate(encodings):
        tokens = len(encoding.ids)
        inputs["input_ids"][row, :tokens] = encoding.ids
        inputs["attention_mask"][row, :tokens] = 1
        inputs["token_type_ids"][row, :tokens] = encoding.type_ids
    return inputs
