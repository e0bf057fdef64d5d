"""Runners of all other inference tasks than text classification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from riverrun import _native, arrays, awaiting, tasks
from riverrun.exceptions import BadInputType
from riverrun.stored_runner import StoredRunner

if TYPE_CHECKING:
    from riverrun.models import Model

__all__ = ["TaskRunner"]


class TaskRunner(StoredRunner):
    """A runner of a model for an inference task: `model.to_runner()`, or `model.to_runner(task=…)`.

    >>> import riverrun
    >>> runner = riverrun.models.get("ner").to_runner(aggregation_strategy="simple")
    >>> runner.init_local()
    >>> sorted(runner.run("Angela Merkel lives in Berlin .")[0])
    ['end', 'entity_group', 'score', 'start', 'word']
    """

    def __init__(
        self,
        model: Model | str,
        name: str | None,
        task: str,
        options: dict[str, Any],
        batching: dict[str, Any],
        bound: tuple[Any, ...] | None = None,
    ) -> None:
        self.task = task
        self._options = options
        super().__init__(model, name, batching, bound)

    def _make(self) -> _native.TaskRunner:
        return self.model._native.to_task_runner(self.task, self._options, self._batching)

    def run(self, *inputs: Any, **options: Any) -> Any:
        """Computes and waits for the result.

        Args:
            inputs: An item, or a list of items: a text, for zero-shot classification followed by its candidate labels; for question
                answering `{"question": …, "context": …}`, for ranking `{"query": …, "documents": […]}`, whose parts may also be two
                arguments, in this order or by name; an image as a path, the bytes of its file, or an image of Pillow.
            options: What is asked for these items in particular, by the names of `transformers`: `aggregation_strategy`,
                `ignore_labels`, `candidate_labels`, `hypothesis_template`, `multi_label`, `top_k`, `targets`, …

        Returns:
            The result of an item, or a list of results. Embeddings are an array of NumPy where that is installed.

        Raises:
            BadInput: An input or an option cannot be.
            ComputeError: The model could not compute it.
        """
        given, single, asked = tasks.items(self.task, inputs, options)
        return self._of(self._native.run(given, asked, self._gives_tensors()), single)

    async def async_run(self, *inputs: Any, **options: Any) -> Any:
        """As `run`, without blocking the event loop. It is not computed any more once the task is cancelled."""
        given, single, asked = tasks.items(self.task, inputs, options)
        is_array = self._gives_tensors()
        return self._of(await awaiting.result_of(lambda on_done: self._native.submit(given, asked, is_array, on_done)), single)

    def _gives_tensors(self) -> bool:
        return self.task == "sentence-embeddings" and arrays.is_installed()

    def _of(self, results: list[Any], single: bool) -> Any:
        if self._gives_tensors():
            results = next(iter(arrays.of_tensors(results).values()))
        return results[0] if single else results

    def _packed(self, item: Any) -> tuple[list[Any], dict[str, Any]]:
        given, single, asked = tasks.items(self.task, (item,), {})
        if not single:
            raise BadInputType("a record is one item, and a list was given; use flat_map first")
        return given, asked

    def _unpacked(self, results: list[Any]) -> Any:  # type: ignore[override]
        return self._of(results, True)

    def __reduce__(self) -> tuple[Any, ...]:
        return TaskRunner, (self._tag, self.name, self.task, self._options, self._batching, self._bound)
