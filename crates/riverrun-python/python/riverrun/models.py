"""The models in the store of this machine.

The store is in the directory that the environment variable `RIVERRUN_HOME` names, or in the platform's place for application
data. The command line `riverrun models` and Rust programs use the same one.
"""

from __future__ import annotations

import datetime
import os
import warnings
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple

from riverrun import _native
from riverrun.exceptions import BadInput, BadInputType
from riverrun.tag import Tag

if TYPE_CHECKING:
    from riverrun.runner import ModelRunner

__all__ = ["Model", "ModelFile", "ModelList", "ModelSignature", "delete", "get", "home", "import_model", "list", "promote"]

_list = list


class ModelSignature(NamedTuple):
    """A method that can be called on a model."""

    method: str
    batchable: bool
    batch_dim: int


class ModelFile(NamedTuple):
    """A file of a model, relative to the model's directory."""

    path: str
    size: int
    sha256: str


class Model:
    """One version of a model in the store. It never changes."""

    __slots__ = ("_native",)

    def __init__(self, native: _native.StoredModel) -> None:
        self._native = native

    @property
    def tag(self) -> Tag:
        """Its exact tag, also when it was asked for as the latest one."""
        return Tag(self._native.name, self._native.version)

    @property
    def path(self) -> str:
        """The directory that holds its files. They must not be changed."""
        return os.fspath(self._native.path)

    @property
    def task(self) -> str | None:
        """What it is for, such as `text-classification`; `None` if that is not known."""
        return self._native.task

    @property
    def format(self) -> str:
        """What its files are, such as `safetensors`."""
        return self._native.format

    @property
    def creation_time(self) -> datetime.datetime:
        """When it was imported."""
        return datetime.datetime.fromtimestamp(self._native.created, datetime.timezone.utc)

    @property
    def labels(self) -> dict[str, str]:
        """Labels to find it by."""
        return self._native.labels

    @property
    def metadata(self) -> dict[str, Any]:
        """What else was kept with it."""
        return self._native.metadata

    @property
    def signatures(self) -> _list[ModelSignature]:
        """What can be called on it."""
        return [ModelSignature(*signature) for signature in self._native.signatures]

    @property
    def files(self) -> _list[ModelFile]:
        """Its files."""
        return [ModelFile(*file) for file in self._native.files]

    @property
    def size(self) -> int:
        """How many bytes its files have together."""
        return sum(file.size for file in self.files)

    @property
    def info(self) -> Model:
        """What is known about it: the model itself has it, this is BentoML's way to it."""
        return self

    def path_of(self, file: str) -> str:
        """The path of one of its files.

        Raises:
            NotFound: It has no such file.
        """
        return os.fspath(self._native.file(file))

    def verify(self) -> None:
        """Reads all files and compares them with what was imported.

        Raises:
            ModelError: A file was changed.
        """
        self._native.verify()

    def to_runner(
        self,
        name: str | None = None,
        *,
        max_batch_size: int | None = None,
        max_batch_cost: int | None = None,
        max_latency_ms: float | None = None,
        max_queue: int | None = None,
        timeout: float | None = None,
        method_configs: Mapping[str, Mapping[str, Any]] | None = None,
        top_k: int | str | None = 1,
        function_to_apply: str | None = None,
        truncation: bool | None = None,
        max_length: int | None = None,
        precision: str | None = None,
    ) -> ModelRunner:
        """A runner of this model. Nothing is loaded before `init_local()`, and only once per process.

        Args:
            name: Its name in messages; the tag if absent.
            max_batch_size: The most items in a batch.
            max_batch_cost: The most tokens in a batch.
            max_latency_ms: How long a request may be held back so that others can join its batch. It is no time-out.
            max_queue: How many requests may wait.
            timeout: Seconds that a request may take; without limit if absent.
            method_configs: The batching limits under the name of the method, as BentoML has them.
            top_k: How many labels a text gets; `None` for all. A call may say otherwise.
            function_to_apply: What makes scores of the model's logits: `"softmax"`, `"sigmoid"` or `"none"`.
            truncation: Whether a text that is too long is cut, which it is unless this is `False`.
            max_length: Tokens at which a text is cut; the model's maximum if absent.
            precision: The numbers that it is computed in: `"f32"` (the default), `"bf16"`, `"int8-faithful"` or `"int8"`.

        Raises:
            BadInput: The model is for another task, or an option cannot be.
        """
        from riverrun.runner import ModelRunner, batching_options

        batching = batching_options(
            ["predict", "__call__"],
            method_configs,
            max_batch_size=max_batch_size,
            max_batch_cost=max_batch_cost,
            max_latency_ms=max_latency_ms,
            max_queue=max_queue,
            timeout=timeout,
        )["predict"]
        task = {
            "function_to_apply": function_to_apply,
            "truncation": truncation,
            "max_length": max_length,
            "precision": precision,
        }
        return ModelRunner(self, name, top_k, task, batching)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __reduce__(self) -> tuple[Any, ...]:
        return get, (str(self.tag),)

    def __repr__(self) -> str:
        return f"Model(tag={str(self.tag)!r}, task={self.task!r}, size={_bytes(self.size)!r})"

    def _repr_html_(self) -> str:
        rows = [
            ("task", self.task or "unknown"),
            ("format", self.format),
            ("size", _bytes(self.size)),
            ("imported", f"{self.creation_time:%Y-%m-%d %H:%M}"),
            *((f"label {key}", value) for key, value in self.labels.items()),
            ("path", self.path),
        ]
        return _table([("model", str(self.tag)), *rows])


class ModelList(_list["Model"]):
    """Models of the store; a table where a notebook shows it."""

    def _repr_html_(self) -> str:
        rows = [
            (str(model.tag), model.task or "unknown", _bytes(model.size), f"{model.creation_time:%Y-%m-%d %H:%M}")
            for model in self
        ]
        return _table([("tag", "task", "size", "imported"), *rows])


def home() -> str:
    """The store's directory."""
    return os.fspath(_native.store_home())


def list(tag: str | Tag | None = None) -> ModelList:
    """The models of the store: names in alphabetical order, the newest version of each first.

    A version that cannot be used is left out, with a warning that says why.

    Args:
        tag: Only this model: all versions of a name, or one version of it.

    Raises:
        BadInput: It is no tag.
        StoreError: The store cannot be read.
    """
    wanted = None if tag is None else Tag.from_taglike(tag)
    models = ModelList()
    for exact, _, native, error in _native.list_models():
        name, _, version = exact.partition(":")
        if wanted is not None and (name != wanted.name or wanted.version not in (None, version)):
            continue
        if native is None:
            warnings.warn(f"{exact} is left out: {error}", stacklevel=2)
        else:
            models.append(Model(native))
    return models


def get(tag: str | Tag | Model) -> Model:
    """The model of a tag: `name`, `name:latest` or `name:version`.

    Raises:
        BadInput: It is no tag.
        NotFound: There is no such model; the message names those that look alike.

    >>> get("tweet-sentiment").task
    'text-classification'
    """
    if isinstance(tag, Model):
        return tag
    return Model(_native.get_model(_text(tag)))


def delete(tag: str | Tag) -> None:
    """Deletes a version. If it was the latest of its name, the newest one that remains becomes so.

    Raises:
        NotFound: There is no such model.
    """
    _native.delete_model(_text(tag))


def promote(tag: str | Tag) -> None:
    """Makes a version the latest one of its name.

    Raises:
        NotFound: There is no such model.
    """
    _native.promote_model(_text(tag))


def import_model(
    path: str | os.PathLike[str],
    name: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    promote: bool = True,
) -> Model:
    """Copies a model's directory, as `save_pretrained` of `transformers` writes it, into the store.

    Args:
        path: The directory.
        name: The tag; without a version, one is made from the time. The directory's name if absent.
        labels: Labels to find it by.
        metadata: What else to keep with it: strings, numbers, lists and dictionaries.
        promote: Whether it becomes the latest version of its name.

    Raises:
        BadInput: It is no directory, or the tag cannot be.
        ModelError: The directory holds no model that can be used; a Python pickle is never read.
        AlreadyExists: The tag is taken.
    """
    directory = os.fspath(path)
    if not os.path.isdir(directory):
        cause = NotADirectoryError if os.path.exists(directory) else FileNotFoundError
        raise BadInput(
            f"{directory} is not a directory; give the one that holds config.json, tokenizer.json and model.safetensors"
        ) from cause(directory)
    tag = name or os.path.basename(os.path.abspath(directory)).lower()
    pairs = []
    for key, value in (labels or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise BadInputType(f"a label is a str and has a str: {key!r}: {value!r}")
        pairs.append((key, value))
    native, notes = _native.import_directory(directory, _text(tag), promote, pairs, dict(metadata or {}))
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return Model(native)


def _text(tag: str | Tag) -> str:
    # A string is read where it is used, which may say more about it.
    return tag if type(tag) is str else str(Tag.from_taglike(tag))


def _bytes(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.5:
            break
    return f"{size:.1f} {unit}" if size < 10 else f"{size:.0f} {unit}"


def _table(rows: _list[tuple[str, ...]]) -> str:
    import html

    def row(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag} style='text-align:left'>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    head, *body = rows
    return f"<table>{row(head, 'th')}{''.join(row(cells, 'td') for cells in body)}</table>"
