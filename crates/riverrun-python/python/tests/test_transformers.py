"""Saving what `transformers` has, without having it here: what is saved is asked to save itself."""

import shutil

import pytest

import riverrun
from riverrun.exceptions import BadInput, BadInputType, MissingDependency, ModelError


class Saves:
    """What a model or a tokenizer of `transformers` is to `save_model`."""

    def __init__(self, source, files, is_fast=None):
        self.source, self.files, self.options = source, files, None
        if is_fast is not None:
            self.is_fast = is_fast

    def save_pretrained(self, directory, **options):
        self.options = options
        for file in self.files:
            shutil.copy(self.source / file, directory)


class Pipeline:
    def __init__(self, model, tokenizer):
        self.model, self.tokenizer = model, tokenizer


@pytest.fixture
def parts(model_directory):
    model = Saves(model_directory, ["config.json", "model.safetensors"])
    return model, Saves(model_directory, ["tokenizer.json", "tokenizer_config.json"], is_fast=True)


def test_a_pipeline_a_model_with_its_tokenizer_and_a_directory_are_saved(store, parts, model_directory):
    model, tokenizer = parts
    saved = [
        riverrun.transformers.save_model("m:1", Pipeline(model, tokenizer)),
        riverrun.transformers.save_model("m:2", model, tokenizer, labels={"a": "b"}),
        riverrun.transformers.save_model("m:3", model_directory, task_name="sentiment-analysis"),
        riverrun.transformers.import_model("m:4", str(model_directory)),
    ]

    assert model.options == {"safe_serialization": True}
    assert saved[1].labels == {"a": "b"}
    results = [riverrun.transformers.load_model(one)("What a lovely day") for one in saved]
    assert results[0][0]["label"] == "positive" and all(result == results[0] for result in results)


def test_what_cannot_be_saved_is_an_error(store, parts, model_directory):
    model, tokenizer = parts
    save = riverrun.transformers.save_model

    with pytest.raises(BadInputType, match="not dict"):
        save("m", {})
    with pytest.raises(BadInput, match="without its tokenizer"):
        save("m", model)
    with pytest.raises(BadInputType, match="not str"):
        save("m", model, "bert")
    tokenizer.is_fast = False
    with pytest.raises(ModelError, match="use_fast=True"):
        save("m", model, tokenizer)
    with pytest.raises(BadInput, match="not for token-classification"):
        save("m", model_directory, task_name="token-classification")
    assert riverrun.models.list() == []


def test_a_path_that_is_no_directory_is_not_looked_for_on_the_hub(store):
    with pytest.raises(BadInput, match="is not a directory"):
        riverrun.transformers.import_model("m", "/nowhere/model")
    with pytest.raises(MissingDependency, match="huggingface_hub"):
        riverrun.transformers.import_model("m", "owner/model")
