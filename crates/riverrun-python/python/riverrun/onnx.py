"""Models of ONNX, under the names that BentoML gives these functions. The package itself is not needed."""

from __future__ import annotations

import os
import tempfile
from typing import Any, Mapping

from riverrun import models
from riverrun.exceptions import BadInput, BadInputType
from riverrun.models import Model
from riverrun.tag import Tag

__all__ = ["get", "import_model", "save_model"]


def get(tag: str | Tag | Model) -> Model:
    """The model of a tag.

    Raises:
        NotFound: There is no such model.
        BadInput: It is none of this kind.
    """
    model = models.get(tag)
    if model.format != "onnx":
        raise BadInput(f"{model.tag} is of the format {model.format}, not onnx")
    return model


def save_model(
    name: str,
    model: Any,
    *,
    signatures: Any = None,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    promote: bool = True,
) -> Model:
    """Puts an ONNX model into the store.

    Args:
        name: The tag; without a version, one is made from the time.
        model: A ModelProto of `onnx`, or a path of a file or of a directory with one.
        signatures: Accepted for BentoML's sake. What can be called follows from the model.
        labels: Labels to find it by.
        metadata: What else to keep with it.
        promote: Whether it becomes the latest version of its name.

    Raises:
        BadInputType: It is nothing that can be saved.
        ModelError: It is of a kind that Riverrun does not compute.
        AlreadyExists: The tag is taken.
    """
    del signatures
    if not isinstance(model, (str, os.PathLike)) and hasattr(model, "SerializeToString"):
        with tempfile.TemporaryDirectory(prefix="riverrun-") as directory:
            path = os.path.join(directory, "model.onnx")
            with open(path, "wb") as file:
                file.write(model.SerializeToString())
            return models.import_model(path, name, labels=labels, metadata=metadata, promote=promote)
    if not isinstance(model, (str, os.PathLike)):
        raise BadInputType(f"save_model takes a ModelProto or a path, not {type(model).__name__}")
    return models.import_model(model, name, labels=labels, metadata=metadata, promote=promote)


def import_model(name: str, path: str | os.PathLike[str], **options: Any) -> Model:
    """Puts a file into the store; `options` are those of `save_model`."""
    return save_model(name, os.fspath(path), **options)
