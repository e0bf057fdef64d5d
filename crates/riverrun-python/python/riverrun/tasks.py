"""The inference tasks beside text classification: how each is called, and how what comes out is nested."""

from __future__ import annotations

import os
from typing import Any, Mapping

from riverrun import _native
from riverrun.exceptions import BadInput, BadInputType, NotSupported

__all__: list[str] = []

ALIASES = {
    "sentiment-analysis": "text-classification",
    "ner": "token-classification",
    "sentence-similarity": "sentence-embeddings",
    "reranking": "text-ranking",
}

NAMES: tuple[str, ...] = _native.TASKS

# What makes an item of arguments by name.
_PARTS = {"question-answering": ("question", "context"), "text-ranking": ("query", "documents")}

# What arguments by place are called, where there may be several or `transformers` has a name for the first.
_PLACES = {**_PARTS, "zero-shot-classification": ("sequences", "candidate_labels"), "image-classification": ("images",)}


def of_model(model: Any) -> str | None:
    """The task that a model of the store is for, by the name of its runner."""
    if model.task == "feature-extraction" and any(file.path == "modules.json" for file in model.files):
        # Who saved a model with sentence-transformers wants one vector for a text.
        return "sentence-embeddings"
    return model.task


def name_of(task: str) -> str:
    """The name of a task that may be called by another.

    Raises:
        NotSupported: There is no such task here.
    """
    name = ALIASES.get(task, task)
    if name not in NAMES:
        raise NotSupported(f"the task {task!r} is not implemented; {', '.join(NAMES)} are")
    return name


def items(task: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[list[Any], bool, dict[str, Any]]:
    """The items of a call, whether it is a single one that stands for itself, and what is asked for all of them.

    Raises:
        BadInput: It is none that the task takes.
    """
    inputs, options = _named(task, args, dict(options))
    if hasattr(inputs, "tolist") and not isinstance(inputs, (str, bytes)):
        # A column of pandas or Polars has it under two names, an array of NumPy too.
        inputs = inputs.tolist()
    elif hasattr(inputs, "to_pylist") or hasattr(inputs, "to_list"):
        inputs = inputs.to_pylist() if hasattr(inputs, "to_pylist") else inputs.to_list()
    if isinstance(inputs, tuple):
        raise BadInputType("a tuple is neither an item nor a list of items; several items are a list")
    single = not isinstance(inputs, list)
    given = [inputs] if single else inputs
    if task == "image-classification":
        given = [_image(item) for item in given]
    return given, single, options


def _named(task: str, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The inputs, and the options without them."""
    parts, names = _PARTS.get(task, ()), _PLACES.get(task, ("inputs",))
    if len(args) == 1 and parts:
        names = ("inputs",)
    if len(args) > len(names):
        wanted = "one input" if len(names) == 1 else " and ".join(f"`{name}`" for name in names)
        raise BadInputType(f"{task} takes {wanted}, and {len(args)} were given; several items are a list")
    for name, value in zip(names, args):
        if name in options:
            raise BadInputType(f"`{name}` is given by place and by name")
        options[name] = value
    if parts and all(options.get(part) is not None for part in parts):
        return _of_parts(parts, *(options.pop(part) for part in parts)), options
    inputs = options.pop("inputs" if parts or "inputs" in options else names[0], None)
    if inputs is None:
        wanted = " and ".join(f"`{part}`" for part in parts) if parts else "an input"
        raise BadInputType(f"{wanted} is wanted, and {'None' if args else 'none'} was given")
    return inputs, options


def _of_parts(parts: tuple[str, ...], first: Any, second: Any) -> Any:
    if parts[0] == "query" or not (isinstance(first, list) or isinstance(second, list)):
        return dict(zip(parts, (first, second)))
    # One question for several contexts, and the other way round.
    size = len(first) if isinstance(first, list) else len(second)
    firsts = first if isinstance(first, list) else [first] * size
    seconds = second if isinstance(second, list) else [second] * size
    if len(firsts) != len(seconds):
        raise BadInput(f"{len(firsts)} of `{parts[0]}` and {len(seconds)} of `{parts[1]}` were given; one for each is wanted")
    return [dict(zip(parts, pair)) for pair in zip(firsts, seconds)]


def _image(item: Any) -> Any:
    """The bytes of an image's file; what says more is left as it is."""
    if isinstance(item, dict):
        return item
    if isinstance(item, (bytes, bytearray, memoryview)):
        return bytes(item)
    if isinstance(item, str) and item.startswith(("http://", "https://")):
        raise NotSupported(f"nothing is downloaded; fetch {item} and give its bytes")
    if isinstance(item, (str, os.PathLike)):
        try:
            with open(item, "rb") as file:
                return file.read()
        except OSError as cause:
            raise BadInput(f"the image {os.fspath(item)} cannot be read: {cause.strerror}") from cause
    if hasattr(item, "save") and hasattr(item, "mode"):
        # An image of Pillow; PNG keeps its levels.
        import io

        buffer = io.BytesIO()
        (item if item.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else item.convert("RGB")).save(buffer, "PNG")
        return buffer.getvalue()
    raise BadInputType(f"an image is a path, the bytes of its file or an image of Pillow, not {type(item).__name__}")


def nested(task: str, results: list[Any], single: bool) -> Any:
    """The results as the pipelines of `transformers` give them."""
    if task == "feature-extraction":
        # A batch of one.
        results = [[result] for result in results]
    if single or (len(results) == 1 and task in ("fill-mask", "question-answering")):
        return results[0]
    return results
