"""What `riverrun.onnx`, `riverrun.xgboost` and `riverrun.lightgbm` have in common."""

from __future__ import annotations

import os
import tempfile
from typing import Any, Callable, Mapping

from riverrun import models
from riverrun.exceptions import BadInput, BadInputType
from riverrun.models import Model
from riverrun.tag import Tag

__all__: list[str] = []


class Format:
    """The functions for models of one format.

    Args:
        name: The format's name in the store.
        file: What a model's file is called, by whose ending it is known.
        writer: Gives what writes an object of the library to a path; nothing for what is none.
    """

    def __init__(self, name: str, file: str, writer: Callable[[Any], Callable[[str], None] | None]) -> None:
        self._name = name
        self._file = file
        self._writer = writer

    def get(self, tag: str | Tag | Model) -> Model:
        """The model of a tag.

        Raises:
            NotFound: There is no such model.
            BadInput: It is of another format.
        """
        model = models.get(tag)
        if model.format != self._name:
            raise BadInput(f"{model.tag} is of the format {model.format}, not {self._name}")
        return model

    def save_model(
        self,
        name: str,
        model: Any,
        *,
        signatures: Any = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        promote: bool = True,
    ) -> Model:
        """Puts a model into the store.

        Args:
            name: The tag; without a version, one is made from the time.
            model: An object of the library, or the path of a file that it wrote.
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
        if isinstance(model, (str, os.PathLike)):
            return models.import_model(model, name, labels=labels, metadata=metadata, promote=promote)
        write = self._writer(model)
        if write is None:
            raise BadInputType(f"save_model takes a model of {self._name} or a path, not {type(model).__name__}")
        with tempfile.TemporaryDirectory(prefix="riverrun-") as directory:
            path = os.path.join(directory, self._file)
            write(path)
            return models.import_model(path, name, labels=labels, metadata=metadata, promote=promote)

    def import_model(self, name: str, path: str | os.PathLike[str], **options: Any) -> Model:
        """Puts a file into the store; `options` are those of `save_model`."""
        return self.save_model(name, os.fspath(path), **options)
