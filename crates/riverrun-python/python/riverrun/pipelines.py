"""`riverrun.pipeline`: called as the pipelines of `transformers` are, computed by Riverrun."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any, Iterable, Iterator

from riverrun import _native, columns, conventions, models, tasks
from riverrun.exceptions import BadInput, BadInputType, NotSupported
from riverrun.streams import in_batches, is_stream
from riverrun.task_pipeline import TaskPipeline

__all__ = ["TextClassificationPipeline", "pipeline"]

def pipeline(
    task: str | None = None,
    model: str | os.PathLike[str] | models.Model | None = None,
    *,
    tokenizer: None = None,
    device: Any = None,
    batch_size: int | None = None,
    num_workers: int | None = None,
    **options: Any,
) -> TextClassificationPipeline | TaskPipeline:
    """A pipeline for a task, loaded and ready to be called.

    Args:
        task: `"text-classification"`, also called `"sentiment-analysis"`; `"token-classification"`, also `"ner"`;
            `"feature-extraction"`, `"zero-shot-classification"`, `"fill-mask"`, `"question-answering"`, `"image-classification"`; and of
            `sentence-transformers`: `"sentence-embeddings"`, `"text-ranking"`. What the model is for if absent.
        model: A tag of the store, a model, or a directory that `save_pretrained` of `transformers` wrote.
        tokenizer: Has to be absent: the model's own is used.
        device: The CPU, under any of its names.
        batch_size: How many items of a generator are taken at a time. Batches for the model are made by their tokens.
        num_workers: Has no effect: all cores compute.
        options: Defaults for every call: `top_k`, `function_to_apply`, `truncation`, `max_length`, and those of the task.

    Raises:
        NotFound: There is no such model.
        NotSupported: The task, or something that is asked for, is not implemented.

    >>> import riverrun
    >>> classify = riverrun.pipeline("text-classification", model="tweet-sentiment")
    >>> classify("What a lovely day")[0]["label"]
    'positive'
    >>> len(classify("What a lovely day", top_k=None))
    3
    >>> ner = riverrun.pipeline("ner", model="ner", aggregation_strategy="simple")
    >>> [type(entities) for entities in ner(["Angela Merkel lives in Berlin .", ""])]
    [<class 'list'>, <class 'list'>]
    """
    wanted = None if task is None else tasks.name_of(task)
    if model is None:
        raise BadInput("no model is given; riverrun.models.list() shows which there are")
    if tokenizer is not None:
        raise NotSupported("a model is used with its own tokenizer; leave `tokenizer` out")
    if device is not None and str(device) not in ("cpu", "-1"):
        raise NotSupported(f"models are computed on the CPU, not on {device}; leave `device` out")
    del num_workers
    if not isinstance(model, models.Model) and os.path.isdir(model):
        source: models.Model | str = os.path.abspath(os.fspath(model))
    else:
        source = model if isinstance(model, models.Model) else models.get(os.fspath(model))
        wanted = wanted or tasks.of_model(source)
    if wanted in (None, "text-classification"):
        if isinstance(source, models.Model) and source.task not in (None, "text-classification"):
            raise NotSupported(f"{source.tag} is for {source.task}, not for text-classification")
        return TextClassificationPipeline(source, batch_size, **options)
    return TaskPipeline(wanted, source, batch_size, options)


class TextClassificationPipeline:
    """Gives texts labels. Made by `riverrun.pipeline`."""

    task = "text-classification"

    def __init__(self, model: models.Model | str, batch_size: int | None, **options: Any) -> None:
        self.model = model
        self._batch_size = _positive("batch_size", batch_size) or 64
        self._directory = model if isinstance(model, str) else model.path
        self._loaded: dict[tuple[Any, ...], _native.TextClassificationRunner] = {}
        self._order_of_labels: dict[str, int] | None = None
        self._config: dict[str, Any] | None = None
        self._tokenizing: dict[str, Any] = {}
        self._output = conventions.Output()
        self._tokenizing, self._output = self._sanitized(options)
        self._runner(self._tokenizing)

    def __call__(
        self,
        inputs: Any,
        *args: Any,
        batch_size: int | None = None,
        num_workers: int | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> Any:
        """Classifies.

        Args:
            inputs: A text, a pair `{"text": …, "text_pair": …}`, or a list of these; a generator or a dataset, for an iterator of
                results; a column of pandas, Polars, Arrow or NumPy, for a table with `label` and `score`.
            batch_size: How many items of a generator are taken at a time.
            num_workers: Has no effect: all cores compute.
            progress: Whether a column shows how far it is; only at a terminal or in a notebook if absent.
            options: `top_k`, `function_to_apply`, `return_all_scores`, `truncation` and `max_length`, for this call.

        Returns:
            `[{"label": …, "score": …}]` for a text, `{…}` for a pair, a list of `{…}` for a list. With `top_k`, a list of labels takes
            the place of each.

        Raises:
            BadInput: An input cannot be.
        """
        if args:
            warnings.warn(f"further arguments have no effect: {args!r}", stacklevel=2)
        del num_workers
        tokenizing, output = self._sanitized(options)
        given = "top_k" in options
        runner = self._runner(tokenizing)
        if columns.is_column(inputs):
            return columns.classified(runner, inputs, output, progress)
        if isinstance(inputs, list):
            return self._several(runner, inputs, output)
        if is_stream(inputs):
            return self._each(runner, inputs, output, _positive("batch_size", batch_size) or self._batch_size)
        conventions.single(inputs)
        labels = runner.run(inputs, output.asked, output.function_to_apply)
        return conventions.wrap(inputs, self._of(output, labels), given)

    def column(self, column: Any, *, progress: bool | None = None, **options: Any) -> Any:
        """Classifies a column of pandas, Polars, Arrow or NumPy; or a list, as if it were one of NumPy.

        Args:
            column: Texts; what is missing stays missing.
            progress: Whether it is shown how far it is; only at a terminal or in a notebook if absent.
            options: As of a call.

        Returns:
            A table of the same package with `label` and `score`, and the same index. With `top_k`, a column of lists.
        """
        tokenizing, output = self._sanitized(options)
        return columns.classified(self._runner(tokenizing), column, output, progress)

    def _several(self, runner: _native.TextClassificationRunner, items: list[Any], output: conventions.Output) -> list[Any]:
        return [self._of(output, labels) for labels in runner.run_batch(items, output.asked, output.function_to_apply)]

    def _each(
        self, runner: _native.TextClassificationRunner, items: Iterable[Any], output: conventions.Output, size: int
    ) -> Iterator[Any]:
        for taken in in_batches(items, size):
            yield from self._several(runner, taken, output)

    def _of(self, output: conventions.Output, labels: list[dict[str, Any]]) -> Any:
        return output.of(labels, self._order() if output.legacy and output.top_k != 1 else None)

    def _order(self) -> dict[str, int]:
        """The places of the labels in the model."""
        if self._order_of_labels is None:
            id2label = self._configuration().get("id2label") or {}
            self._order_of_labels = {label: int(place) for place, label in id2label.items()}
            # Without names, labels are called after their places.
            if not id2label:
                count = self._configuration().get("num_labels") or 2
                self._order_of_labels = {f"LABEL_{place}": place for place in range(count)}
        return self._order_of_labels

    def _configuration(self) -> dict[str, Any]:
        if self._config is None:
            with open(os.path.join(self._directory, "config.json"), encoding="utf-8") as file:
                self._config = json.load(file)
        return self._config

    def _sanitized(self, options: dict[str, Any]) -> tuple[dict[str, Any], conventions.Output]:
        """The options of a call, over those of the pipeline."""
        tokenizing, output = dict(self._tokenizing), self._output
        all_scores = options.get("return_all_scores")
        top_k = options.get("top_k", "")
        if top_k is None or isinstance(top_k, int):
            output = output._replace(top_k=top_k, legacy=False)
        elif top_k != "":
            raise BadInputType(f"top_k is a number, or None for all labels, not {top_k!r}")
        elif all_scores is not None:
            warnings.warn(
                "`return_all_scores` is deprecated; write `top_k=None` for `True`, and `top_k=1` for `False`", stacklevel=4
            )
            output = output._replace(top_k=None if all_scores else 1)
        function = options.get("function_to_apply")
        if function is not None:
            if not isinstance(function, str):
                function = getattr(function, "value", function)
            if not isinstance(function, str):
                raise BadInputType(f"function_to_apply is a str, not {function!r}")
            output = output._replace(function_to_apply=function)
        for name, value in options.items():
            if name in ("top_k", "return_all_scores", "function_to_apply"):
                continue
            if name == "truncation":
                tokenizing[name] = _truncation(value)
            elif name == "max_length":
                tokenizing[name] = _positive(name, value)
            elif name == "padding":
                # Nothing is padded, and nothing depends on it.
                continue
            else:
                raise NotSupported(
                    f"`{name}` is no option of this pipeline; there are top_k, function_to_apply, return_all_scores, truncation, "
                    "max_length and padding"
                )
        return tokenizing, output

    def _runner(self, tokenizing: dict[str, Any]) -> _native.TextClassificationRunner:
        key = (tokenizing.get("truncation"), tokenizing.get("max_length"))
        runner = self._loaded.get(key)
        if runner is None:
            options = {"truncation": key[0], "max_length": key[1]}
            if isinstance(self.model, str):
                runner = _native.TextClassificationRunner.of_directory(self.model, options, {})
            else:
                runner = self.model._native.to_runner(options, {})
            runner.init_local()
            self._loaded[key] = runner
        return runner

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.model, self._batch_size, self._tokenizing, self._output)

    def __repr__(self) -> str:
        name = self.model if isinstance(self.model, str) else str(self.model.tag)
        return f"TextClassificationPipeline(model={name!r})"


def _again(
    model: models.Model | str, batch_size: int, tokenizing: dict[str, Any], output: conventions.Output
) -> TextClassificationPipeline:
    again = TextClassificationPipeline(model, batch_size, **tokenizing)
    again._output = output
    return again


def _truncation(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("longest_first", "do_not_truncate"):
        return value == "longest_first"
    raise NotSupported(f"truncation may be True (the longer text of a pair first) or False, not {value!r}")


def _positive(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInputType(f"{name} is a number, not {value!r}")
    if value < 1:
        raise BadInput(f"{name} must be at least 1, not {value}")
    return value
