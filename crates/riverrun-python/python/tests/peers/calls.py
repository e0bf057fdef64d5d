"""The ways to call a text-classification pipeline, for `transformers` and for `riverrun` alike."""

from typing import Any, Callable, NamedTuple

from texts import pairs, texts


class Call(NamedTuple):
    """How a pipeline is made, and how it is called."""

    call: Callable[[Any], Any]
    made_with: dict[str, Any] = {}
    problem_type: str | None = None
    """What the model's configuration says, instead of nothing."""


TEXTS, PAIRS = texts(), pairs()
# Calls for single texts repeat what those for lists show; enough of them to meet every kind of text.
FEW, FEW_PAIRS = TEXTS[:300], PAIRS[:300]


class Dataset:
    """As PyTorch's are, which `transformers` takes for one."""

    def __len__(self):
        return len(FEW)

    def __getitem__(self, index):
        if index >= len(FEW):
            raise IndexError(index)
        return FEW[index]


def each(**options):
    return lambda pipe: [pipe(text, **options) for text in FEW]


def all_at_once(**options):
    return lambda pipe: pipe(TEXTS, **options)


def _pair(first, second):
    return {"text": first, "text_pair": second}


CALLS = {
    # What goes in.
    "a text": Call(each()),
    "a list": Call(all_at_once()),
    "a list of one": Call(lambda pipe: [pipe([text]) for text in FEW]),
    "an empty list": Call(lambda pipe: pipe([])),
    "a dict": Call(lambda pipe: [pipe({"text": text}) for text in FEW]),
    "a pair": Call(lambda pipe: [pipe(_pair(*pair)) for pair in FEW_PAIRS]),
    "a pair with top_k": Call(lambda pipe: [pipe(_pair(*pair), top_k=2) for pair in FEW_PAIRS]),
    "a list of pairs": Call(lambda pipe: pipe([_pair(*pair) for pair in PAIRS])),
    "a list of pairs with all labels": Call(lambda pipe: pipe([_pair(*pair) for pair in PAIRS], top_k=None)),
    "a list of texts and pairs": Call(lambda pipe: pipe([_pair(*pair) if number % 2 else pair[0] for number, pair in enumerate(FEW_PAIRS)])),
    "a pair as lists": Call(lambda pipe: [pipe([[list(pair)]]) for pair in FEW_PAIRS]),
    "a generator": Call(lambda pipe: list(pipe(text for text in FEW))),
    "a generator with all labels": Call(lambda pipe: list(pipe((text for text in FEW), top_k=None))),
    "batches": Call(all_at_once(batch_size=16)),
    "batches of the pipeline": Call(lambda pipe: pipe(FEW), {"batch_size": 8}),
    "no workers": Call(lambda pipe: pipe(FEW, num_workers=0)),
    # How many labels.
    "a text with top_k=1": Call(each(top_k=1)),
    "a text with top_k=2": Call(each(top_k=2)),
    "a text with top_k=None": Call(each(top_k=None)),
    "a list with top_k=1": Call(all_at_once(top_k=1)),
    "a list with top_k=2": Call(all_at_once(top_k=2)),
    "a list with top_k=7": Call(lambda pipe: pipe(FEW, top_k=7)),
    "a list with top_k=None": Call(all_at_once(top_k=None)),
    "a list with top_k=0": Call(lambda pipe: pipe(FEW, top_k=0)),
    "a list with top_k=-1": Call(lambda pipe: pipe(FEW, top_k=-1)),
    "a text with return_all_scores": Call(each(return_all_scores=True)),
    "a text without return_all_scores": Call(each(return_all_scores=False)),
    "a list with return_all_scores": Call(all_at_once(return_all_scores=True)),
    "a list without return_all_scores": Call(lambda pipe: pipe(FEW, return_all_scores=False)),
    "top_k of the pipeline": Call(lambda pipe: [pipe(FEW), [pipe(text) for text in FEW]], {"top_k": 2}),
    "all labels of the pipeline": Call(lambda pipe: [pipe(FEW), [pipe(text) for text in FEW]], {"top_k": None}),
    "return_all_scores of the pipeline": Call(lambda pipe: [pipe(FEW), [pipe(text) for text in FEW]], {"return_all_scores": True}),
    "top_k of a call over the pipeline's": Call(lambda pipe: [pipe(FEW, top_k=1), pipe(FEW[0], top_k=None)], {"top_k": 2}),
    # What makes scores.
    "softmax": Call(all_at_once(function_to_apply="softmax")),
    "sigmoid": Call(all_at_once(function_to_apply="sigmoid", top_k=None)),
    "none": Call(all_at_once(function_to_apply="none", top_k=None)),
    "in capitals": Call(lambda pipe: pipe(FEW, function_to_apply="SIGMOID")),
    "function_to_apply of the pipeline": Call(lambda pipe: pipe(FEW), {"function_to_apply": "sigmoid"}),
    "of several labels": Call(all_at_once(top_k=None), problem_type="multi_label_classification"),
    "of several labels, softmax": Call(lambda pipe: pipe(FEW, function_to_apply="softmax"), problem_type="multi_label_classification"),
    # What 4.41 does by default is a difference on purpose: later versions do as we.
    "of a regression": Call(all_at_once(top_k=None, function_to_apply="none"), problem_type="regression"),
    "of one label": Call(lambda pipe: pipe(FEW), problem_type="single_label_classification"),
    # How it is tokenized.
    "cut": Call(all_at_once(truncation=True, max_length=12)),
    "cut, of the pipeline": Call(lambda pipe: pipe(FEW), {"truncation": True, "max_length": 8}),
    "pairs, cut": Call(lambda pipe: pipe([_pair(*pair) for pair in PAIRS], truncation=True, max_length=20)),
    "cut at the model's maximum": Call(lambda pipe: pipe([" ".join(TEXTS[:n]) for n in (90, 200, 400)], truncation=True, max_length=512)),
    "padded": Call(lambda pipe: pipe(FEW, padding=True)),
}
