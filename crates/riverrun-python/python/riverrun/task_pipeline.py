"""Pipelines of all other tasks than text classification."""

from __future__ import annotations

from typing import Any, Iterator

from riverrun import _native, arrays, columns, models, tasks
from riverrun.exceptions import BadInput, BadInputType
from riverrun.streams import in_batches, is_stream

__all__ = ["TaskPipeline"]


class TaskPipeline:
    """Applies a model to items, for a task. Made by `riverrun.pipeline`."""

    def __init__(self, task: str, model: models.Model | str, batch_size: int | None, options: dict[str, Any]) -> None:
        self.task = task
        self.model = model
        self._batch_size = _positive(batch_size) or 64
        # A padding changes nothing: nothing is padded.
        self._options = {name: value for name, value in options.items() if name != "padding"}
        if isinstance(model, str):
            self._native = _native.TaskRunner.of_directory(model, task, self._options, {})
        else:
            self._native = model._native.to_task_runner(task, self._options, {})
        self._native.init_local()

    def __call__(self, *inputs: Any, batch_size: int | None = None, num_workers: int | None = None, **options: Any) -> Any:
        """Computes.

        Args:
            inputs: An item, or a list of items, as `TaskRunner.run` takes them; a generator or a dataset, for an iterator of results.
            batch_size: How many items of a generator are taken at a time.
            num_workers: Has no effect: all cores compute.
            options: What is asked for these items in particular.

        Returns:
            What the pipeline of `transformers` gives.

        Raises:
            BadInput: An input or an option cannot be.
        """
        del num_workers
        if inputs and is_stream(inputs[0]) and not columns.is_column(inputs[0]) and not hasattr(inputs[0], "mode"):
            return self._each(inputs[0], inputs[1:], options, _positive(batch_size) or self._batch_size)
        given, single, asked = tasks.items(self.task, inputs, options)
        return self._of(given, single, asked)

    def _of(self, given: list[Any], single: bool, asked: dict[str, Any]) -> Any:
        if self.task == "sentence-embeddings" and arrays.is_installed():
            (embeddings,) = arrays.of_tensors(self._native.run(given, asked, True)).values()
            return embeddings[0] if single else embeddings
        return tasks.nested(self.task, self._native.run(given, asked, False), single)

    def _each(self, inputs: Any, more: tuple[Any, ...], options: dict[str, Any], size: int) -> Iterator[Any]:
        for taken in in_batches(inputs, size):
            given, _, asked = tasks.items(self.task, (taken, *more), options)
            results = self._of(given, False, asked)
            # Of one item some tasks give the result itself.
            yield from results if len(given) > 1 or self.task not in ("fill-mask", "question-answering") else [results]

    def __reduce__(self) -> tuple[Any, ...]:
        return TaskPipeline, (self.task, self.model, self._batch_size, self._options)

    def __repr__(self) -> str:
        name = self.model if isinstance(self.model, str) else str(self.model.tag)
        return f"TaskPipeline({self.task!r}, model={name!r})"


def _positive(size: Any) -> int | None:
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, int):
        raise BadInputType(f"batch_size is a number, not {size!r}")
    if size < 1:
        raise BadInput(f"batch_size must be at least 1, not {size}")
    return size
