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
    from riverrun.stored_runner import StoredRunner

__all__ = ["Model", "ModelFile", "ModelList", "ModelSignature", "delete", "export_model", "get", "home", "import_model", "list", "promote"]

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
        task: str | None = None,
        max_batch_size: int | None = None,
        max_batch_cost: int | None = None,
        max_latency_ms: float | None = None,
        max_queue: int | None = None,
        timeout: float | None = None,
        cached: int | None = None,
        method_configs: Mapping[str, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> StoredRunner:
        """A runner of this model, of the kind that it is for. Nothing is loaded before `init_local()`, and only once per process.

        Args:
            name: Its name in messages; the tag if absent.
            task: What is done with the model, if it can do more than it says: `"sentence-embeddings"` with any encoder, or
                `"zero-shot-classification"` with one for pairs.
            max_batch_size: The most items in a batch.
            max_batch_cost: The most tokens in a batch.
            max_latency_ms: How long a request may be held back so that others can join its batch. It is no time-out.
            max_queue: How many requests may wait.
            timeout: Seconds that a request may take; without limit if absent.
            cached: Of how many inputs the results are remembered, for those that come again; none if absent. Of tensors and rows none are.
            method_configs: The batching limits under the name of the method, as BentoML has them.
            options: Those of the task, which a call may say otherwise. Of texts `truncation`, `max_length` and `precision` (`"f32"`, the
                default, `"bf16"`, `"int8-faithful"` or `"int8"`); of text classification `top_k` (1 by default, `None` for all labels) and
                `function_to_apply` (`"softmax"`, `"sigmoid"` or `"none"`); of others by the names of `transformers`, such as
                `aggregation_strategy`, `stride`, `candidate_labels`; of embeddings `pooling`, `normalize`, `dimensions`, `prompt_name`.

        Returns:
            A `ModelRunner` for text classification, a `TaskRunner` for another task, a `TensorRunner` for an ONNX model without one, a
            `RowRunner` for an ensemble of trees.

        Raises:
            BadInput: The model is for another task, or an option cannot be.
            NotSupported: There is no such task here.
        """
        from riverrun import tasks
        from riverrun.runner import batching_options

        batching = batching_options(
            ["predict", "__call__"],
            method_configs,
            max_batch_size=max_batch_size,
            max_batch_cost=max_batch_cost,
            max_latency_ms=max_latency_ms,
            max_queue=max_queue,
            timeout=timeout,
            cached=cached,
        )["predict"]
        if self.format in ("xgboost", "lightgbm"):
            from riverrun.tensor_runner import RowRunner

            return RowRunner(self, name, options, batching)
        wanted = tasks.of_model(self) if task is None else tasks.name_of(task)
        if wanted is None and self.format == "onnx":
            from riverrun.tensor_runner import TensorRunner

            return TensorRunner(self, name, options, batching)
        if wanted not in (None, "text-classification"):
            from riverrun.task_runner import TaskRunner

            return TaskRunner(self, name, wanted, options, batching)
        from riverrun.model_runner import ModelRunner

        top_k = options.pop("top_k", 1)
        for option in options:
            if option not in ("function_to_apply", "truncation", "max_length", "precision"):
                raise BadInput(
                    f"text classification has no option `{option}`; there are top_k, function_to_apply, truncation, max_length and precision"
                )
        return ModelRunner(self, name, top_k, options, batching)

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
    task: str | None = None,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    promote: bool = True,
) -> Model:
    """Copies a model into the store.

    Args:
        path: A directory as `save_pretrained` of `transformers` writes it, an ONNX file, a booster of XGBoost (JSON, UBJSON) or LightGBM
            (text), a model of BentoML's store, or an archive that `export_model` wrote.
        name: The tag; without a version, one is made from the time. If absent the archive's own, or the directory's or file's name.
        task: What it is for, where the model does not say so.
        labels: Labels to find it by.
        metadata: What else to keep with it: strings, numbers, lists and dictionaries.
        promote: Whether it becomes the latest version of its name.

    Raises:
        BadInput: There is nothing at this path, or the tag cannot be.
        ModelError: It is no model that can be used; a Python pickle is never read. An archive that is not whole is refused.
        AlreadyExists: The tag is taken.
    """
    source = os.fspath(path)
    if not os.path.exists(source):
        raise BadInput(f"there is no {source}; give a directory with config.json and model.safetensors, a model file or an archive") from (
            FileNotFoundError(source)
        )
    tag = None if name is None else _text(name)
    if tag is None and not _has_own_name(source):
        tag = os.path.basename(os.path.abspath(source)).partition(".")[0].lower()
    pairs = []
    for key, value in (labels or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise BadInputType(f"a label is a str and has a str: {key!r}: {value!r}")
        pairs.append((key, value))
    native, notes = _native.import_model(source, tag, task, promote, pairs, dict(metadata or {}))
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return Model(native)


def export_model(tag: str | Tag, path: str | os.PathLike[str], *, overwrite: bool = False) -> str:
    """Writes a version of a model to one file, to be imported into another store.

    Args:
        tag: The version.
        path: The file, such as `sentiment.tar.zst`, or a directory that it is put into under a name of its own.
        overwrite: Whether a file that is there is replaced.

    Returns:
        The file's path.

    Raises:
        NotFound: There is no such model.
        AlreadyExists: The file is there already.
        ModelError: A file of the model was changed.
    """
    return os.fspath(_native.export_model(_text(tag), os.fspath(path), overwrite))


def _has_own_name(source: str) -> bool:
    """Whether it is an archive or a model of BentoML's store, which say what they are called."""
    if os.path.isdir(source):
        return os.path.exists(os.path.join(source, "model.yaml"))
    with open(source, "rb") as file:
        # The first bytes of Zstandard.
        return file.read(4) == b"\x28\xb5\x2f\xfd"


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
