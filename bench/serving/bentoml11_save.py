"""Saves a Hugging Face directory in BentoML's store, as it comes and with a batchable signature.

    BENTOML_HOME=... python bentoml11_save.py MODEL_DIRECTORY
"""

import sys

import bentoml
import transformers


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = sys.argv[1]
    model = transformers.AutoModelForSequenceClassification.from_pretrained(directory)
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    pipeline = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)
    batchable = {"__call__": {"batchable": True, "batch_dim": 0}}
    print(bentoml.transformers.save_model("text-classification", pipeline).tag)
    print(bentoml.transformers.save_model("text-classification-batchable", pipeline, signatures=batchable).tag)


if __name__ == "__main__":
    main()
