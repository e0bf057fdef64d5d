"""Models of `transformers`, under the names that BentoML gives these functions.

`transformers` itself is needed by nothing here but `save_model` of objects of it, which bring it along.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, Mapping

from riverrun import models
from riverrun.exceptions import BadInput, BadInputType, MissingDependency, ModelError
from riverrun.models import Model
from riverrun.tag import Tag

if TYPE_CHECKING:
    from riverrun.pipelines import TextClassificationPipeline

__all__ = ["get", "import_model", "load_model", "save_model"]


def get(tag: str | Tag | Model) -> Model:
    """The model of a tag: see `riverrun.models.get`."""
    return models.get(tag)


def load_model(tag: str | Tag | Model, **options: Any) -> TextClassificationPipeline:
    """The model, loaded, as a pipeline: called as that of `transformers` is, computed by Riverrun.

    Args:
        tag: Its tag.
        options: As of `riverrun.pipeline`.

    Raises:
        NotFound: There is no such model.
    """
    from riverrun.pipelines import pipeline

    return pipeline(model=models.get(tag), **options)


def save_model(
    name: str,
    pipeline: Any,
    tokenizer: Any = None,
    *,
    task_name: str | None = None,
    signatures: Mapping[str, Mapping[str, Any]] | None = None,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    promote: bool = True,
) -> Model:
    """Puts a model into the store.

    Args:
        name: The tag; without a version, one is made from the time.
        pipeline: A pipeline of `transformers`, a model of it with `tokenizer`, or a directory that one was saved to.
        tokenizer: The model's tokenizer, a fast one; a pipeline has its own.
        task_name: What the model is for, where that should be checked.
        signatures: Accepted for BentoML's sake. What can be called follows from the model.
        labels: Labels to find it by.
        metadata: What else to keep with it.
        promote: Whether it becomes the latest version of its name.

    Raises:
        BadInputType: It is nothing that can be saved.
        ModelError: The model is of a kind that Riverrun does not compute, or its tokenizer is a slow one.
        AlreadyExists: The tag is taken.
    """
    del signatures
    if isinstance(pipeline, (str, os.PathLike)):
        model = models.import_model(pipeline, name, labels=labels, metadata=metadata, promote=promote)
        return _checked(model, task_name)
    network = pipeline
    if hasattr(pipeline, "model") and hasattr(pipeline, "tokenizer") and not hasattr(pipeline, "state_dict"):
        network, tokenizer = pipeline.model, tokenizer or pipeline.tokenizer
    if not hasattr(network, "save_pretrained"):
        raise BadInputType(
            "save_model takes a pipeline of transformers, a model of it and its tokenizer, or a directory, not "
            f"{type(pipeline).__name__}"
        )
    if tokenizer is None:
        raise BadInput("a model without its tokenizer cannot take texts; give it as `tokenizer`")
    if not hasattr(tokenizer, "save_pretrained"):
        raise BadInputType(f"`tokenizer` is a tokenizer of transformers, not {type(tokenizer).__name__}")
    if getattr(tokenizer, "is_fast", True) is False:
        raise ModelError(
            f"{type(tokenizer).__name__} is a slow tokenizer, which has no tokenizer.json; load it with use_fast=True"
        )
    with tempfile.TemporaryDirectory(prefix="riverrun-") as directory:
        network.save_pretrained(directory, safe_serialization=True)
        tokenizer.save_pretrained(directory)
        model = models.import_model(directory, name, labels=labels, metadata=metadata, promote=promote)
    return _checked(model, task_name)


def import_model(
    name: str,
    model_name_or_path: str | os.PathLike[str],
    *,
    revision: str | None = None,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    promote: bool = True,
    **download: Any,
) -> Model:
    """Puts a model from a directory, or from the Hugging Face Hub, into the store.

    Args:
        name: The tag; without a version, one is made from the time.
        model_name_or_path: A directory, or `owner/name` on the Hub. For the latter the package `huggingface_hub` is needed.
        revision: A branch, tag or commit on the Hub.
        labels: Labels to find it by.
        metadata: What else to keep with it.
        promote: Whether it becomes the latest version of its name.
        download: Passed on to `huggingface_hub.snapshot_download` (`token`, `cache_dir`, …).

    Raises:
        ModelError: It is no model that Riverrun computes.
        MissingDependency: It is on the Hub, and `huggingface_hub` is not installed.
    """
    path = os.fspath(model_name_or_path)
    if not os.path.isdir(path):
        path = _downloaded(path, revision, download)
    return models.import_model(path, name, labels=labels, metadata=metadata, promote=promote)


def _downloaded(repository: str, revision: str | None, download: dict[str, Any]) -> str:
    if os.path.sep in repository.strip("/").replace("/", "", 1) or repository.startswith((".", "/", "~")):
        raise BadInput(f"{repository} is not a directory") from NotADirectoryError(repository)
    try:
        from huggingface_hub import snapshot_download
    except ImportError as cause:
        raise MissingDependency(
            f"{repository} is not a directory, and to download it from the Hub takes the package huggingface_hub; "
            "`pip install huggingface_hub`, or give a directory"
        ) from cause
    # No pickles: they would not be read.
    wanted = ["*.json", "*.safetensors", "*.txt", "*.md", "LICENSE*"]
    return snapshot_download(repository, revision=revision, allow_patterns=wanted, **download)


def _checked(model: Model, task: str | None) -> Model:
    if task in (None, model.task) or (task == "sentiment-analysis" and model.task == "text-classification"):
        return model
    models.delete(model.tag)
    raise BadInput(f"the model is for {model.task or 'an unknown task'}, not for {task}; it was not saved")
