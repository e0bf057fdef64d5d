"""Models of XGBoost, under the names that BentoML gives these functions. The package itself is not needed."""

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
    if model.format != "xgboost":
        raise BadInput(f"{model.tag} is of the format {model.format}, not xgboost")
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
    """Puts a booster of XGBoost into the store.

    Args:
        name: The tag; without a version, one is made from the time.
        model: A `xgboost.Booster`, a model of its scikit-learn interface, or a path of a file that `save_model` wrote.
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
    if not isinstance(model, (str, os.PathLike)):
        # The scikit-learn interface has the booster inside.
        booster = model.get_booster() if hasattr(model, "get_booster") else model
        if not hasattr(booster, "save_model"):
            raise BadInputType(f"save_model takes a booster or a path, not {type(model).__name__}")
        with tempfile.TemporaryDirectory(prefix="riverrun-") as directory:
            path = os.path.join(directory, "model.ubj")
            booster.save_model(path)
            return models.import_model(path, name, labels=labels, metadata=metadata, promote=promote)
    return models.import_model(model, name, labels=labels, metadata=metadata, promote=promote)


def import_model(name: str, path: str | os.PathLike[str], **options: Any) -> Model:
    """Puts a file into the store; `options` are those of `save_model`."""
    return save_model(name, os.fspath(path), **options)
