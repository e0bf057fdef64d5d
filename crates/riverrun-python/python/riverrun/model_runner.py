"""Runners of text classification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from riverrun import _native, awaiting, conventions
from riverrun.exceptions import BadInputType
from riverrun.stored_runner import StoredRunner

if TYPE_CHECKING:
    from riverrun.models import Model

__all__ = ["ModelRunner"]


class ModelRunner(StoredRunner):
    """A runner of a model that classifies texts: `model.to_runner()`.

    It is called as the pipeline of `transformers` is, and gives what that gives.

    >>> import riverrun
    >>> runner = riverrun.models.get("tweet-sentiment").to_runner()
    >>> runner.init_local()
    >>> runner.run("What a lovely day")[0]["label"]
    'positive'
    >>> [best["label"] for best in runner.run(["What a lovely day", "This is awful"])]
    ['positive', 'negative']
    """

    def __init__(
        self,
        model: Model | str,
        name: str | None,
        top_k: int | str | None,
        task: dict[str, Any],
        batching: dict[str, Any],
        bound: tuple[Any, ...] | None = None,
    ) -> None:
        self._task = task
        self._top_k = top_k
        self._output = conventions.Output(None if top_k in (None, "all") else int(top_k), top_k == 1, None)  # type: ignore[arg-type]
        super().__init__(model, name, batching, bound)

    def _make(self) -> _native.TextClassificationRunner:
        asked = "all" if self._top_k is None else self._top_k
        return self.model._native.to_runner({**self._task, "top_k": None if asked == 1 else asked}, self._batching)

    def run(self, inputs: Any, *, top_k: Any = "", function_to_apply: str | None = None) -> Any:
        """Computes and waits for the result.

        Args:
            inputs: A text, a pair `{"text": …, "text_pair": …}`, or a list of these.
            top_k: How many labels; `None` for all. Given, each text has a list of labels.
            function_to_apply: `"softmax"`, `"sigmoid"` or `"none"`.

        Returns:
            `[{"label": …, "score": …}]` for a text, a list of `{"label": …, "score": …}` for a list. With `top_k`, a list of these
            for a text and a list of lists for a list.

        Raises:
            BadInput: An input cannot be.
            ComputeError: The model could not compute it.
        """
        output, given = self._asked(top_k, function_to_apply)
        if conventions.single(inputs):
            labels = self._native.run(inputs, output.asked if given else None, output.function_to_apply)
            return conventions.wrap(inputs, output.of(labels, None), given)
        lists = self._native.run_batch(inputs, output.asked if given else None, output.function_to_apply)
        return [output.of(labels, None) for labels in lists]

    async def async_run(self, inputs: Any, *, top_k: Any = "", function_to_apply: str | None = None) -> Any:
        """As `run`, without blocking the event loop. It is not computed any more once the task is cancelled."""
        output, given = self._asked(top_k, function_to_apply)
        one = conventions.single(inputs)
        items = [inputs] if one else inputs

        def begin(on_done: Any) -> _native.Task:
            return self._native.submit(items, output.asked if given else None, output.function_to_apply, on_done)

        results = [output.of(labels, None) for labels in await awaiting.result_of(begin)]
        return conventions.wrap(inputs, results[0], given) if one else results

    def _asked(self, top_k: Any, function: str | None) -> tuple[conventions.Output, bool]:
        if isinstance(top_k, str) and top_k == "":
            return (self._output if function is None else self._output._replace(function_to_apply=function)), False
        if top_k is not None and not isinstance(top_k, int):
            raise BadInputType(f"top_k is a number, or None for all labels, not {top_k!r}")
        return conventions.Output(top_k, False, function), True

    def _unpacked(self, labels: list[dict[str, Any]], is_string: bool) -> Any:  # type: ignore[override]
        # As `run` gives it for one text.
        result = self._output.of(labels, None)
        return [result] if is_string else result

    def __reduce__(self) -> tuple[Any, ...]:
        return ModelRunner, (self._tag, self.name, self._top_k, self._task, self._batching, self._bound)
