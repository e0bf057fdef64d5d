"""The calling conventions of `transformers.pipeline("text-classification")`: what goes in, and how what comes out is nested."""

from __future__ import annotations

from typing import Any, NamedTuple

from riverrun.exceptions import BadInputType

__all__: list[str] = []


class Output(NamedTuple):
    """How the labels of a text come out."""

    top_k: int | None = 1
    """How many; `None` for all."""
    legacy: bool = True
    """Whether `top_k` was not given: then the best label stands for itself, and all labels are in the model's order."""
    function_to_apply: str | None = None

    @property
    def asked(self) -> int | str:
        """What the native side is asked for."""
        # A negative number cuts from the end, as a slice does.
        return "all" if self.top_k is None or self.top_k < 0 else int(self.top_k)

    def of(self, labels: list[dict[str, Any]], order: dict[str, int] | None) -> Any:
        """The result for one text, of its labels by falling score."""
        if not self.legacy:
            return labels if self.top_k is None else labels[: self.top_k]
        if self.top_k == 1:
            return labels[0]
        return sorted(labels, key=lambda one: order[one["label"]]) if order else labels


def single(inputs: Any) -> bool:
    """Whether it is one item, and not a list of items."""
    if isinstance(inputs, (str, dict)):
        return True
    if isinstance(inputs, list):
        return False
    if isinstance(inputs, tuple):
        raise BadInputType(
            'a tuple is neither a text nor a list of texts; a pair is {"text": "My text", "text_pair": "My pair"}, and '
            "several texts are a list"
        )
    raise BadInputType(
        f'a text (str), a pair ({{"text": …, "text_pair": …}}) or a list of these is wanted, not {type(inputs).__name__}'
    )


def wrap(inputs: Any, result: Any, top_k_given: bool) -> Any:
    """The result of a call with one item: of a string it is a list, unless `top_k` makes one of it anyway."""
    return [result] if isinstance(inputs, str) and not top_k_given else result
