"""Records what `transformers` gives in every calling convention: `python record.py`, with transformers 4.41.

Written beside this file: results as they are nested, where a label is `[its index, its score in millionths]`.
"""

import hashlib
import json
import lzma
import warnings
from pathlib import Path

import torch
import transformers

from calls import CALLS, TEXTS, Dataset

HERE = Path(__file__).resolve().parent
MODEL = HERE.parents[4] / "models" / "tweet-sentiment"


def encoded(result, labels):
    if isinstance(result, dict):
        assert list(result) == ["label", "score"]
        return [labels[result["label"]], round(result["score"] * 1e6)]
    return [encoded(one, labels) for one in result]


def made(call):
    config = transformers.AutoConfig.from_pretrained(MODEL)
    if call.problem_type is not None:
        config.problem_type = call.problem_type
    model = transformers.AutoModelForSequenceClassification.from_pretrained(MODEL, config=config, torch_dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    return transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu", **call.made_with), config


class TorchDataset(Dataset, torch.utils.data.Dataset):
    pass


def main():
    warnings.simplefilter("ignore")
    results = {}
    for name, call in CALLS.items():
        pipe, config = made(call)
        results[name] = encoded(call.call(pipe), config.label2id)
        print(f"{name}: recorded", flush=True)
    pipe, config = made(CALLS["a list"])
    results["a dataset"] = encoded(list(pipe(TorchDataset())), config.label2id)
    records = {
        "transformers": transformers.__version__,
        "texts": hashlib.sha256(json.dumps(TEXTS).encode()).hexdigest(),
        "labels": [config.id2label[index] for index in range(config.num_labels)],
        "results": results,
    }
    content = json.dumps(records, separators=(",", ":")).encode()
    (HERE / "records.json.xz").write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
