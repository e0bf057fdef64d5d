"""The pipeline beyond what the records of `transformers` show."""

import pickle

import pytest

import riverrun
from riverrun.exceptions import BadInput, BadInputType, NotFound, NotSupported

TEXT = "What a lovely day"


@pytest.fixture(scope="module")
def pipe():
    return riverrun.pipeline("text-classification", model="tweet-sentiment")


def test_a_tag_a_model_and_a_directory_are_the_same_model(pipe, model_directory):
    expected = pipe(TEXT, top_k=None)

    for model in (riverrun.models.get("tweet-sentiment"), model_directory, str(model_directory)):
        assert riverrun.pipeline(model=model)(TEXT, top_k=None) == expected
    assert riverrun.pipeline("sentiment-analysis", model="tweet-sentiment", device="cpu")(TEXT, top_k=None) == expected
    assert repr(pipe) == "TextClassificationPipeline(model='tweet-sentiment:1.0')"


def test_a_generator_and_a_dataset_give_results_one_by_one(pipe):
    taken = []

    def texts():
        for number in range(10):
            taken.append(number)
            yield f"{TEXT} {number}"

    class Dataset:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            if index >= 3:
                raise IndexError(index)
            return f"{TEXT} {index}"

    results = pipe(texts(), batch_size=2)
    assert taken == []
    first = next(results)
    assert taken == [0, 1]
    assert [first, *results] == pipe([f"{TEXT} {number}" for number in range(10)])
    assert list(pipe(Dataset())) == pipe([f"{TEXT} {number}" for number in range(3)])


def test_options_of_the_pipeline_hold_for_its_calls(model_directory):
    three = riverrun.pipeline(model="tweet-sentiment", top_k=2, max_length=8)

    assert [len(labels) for labels in three([TEXT, TEXT])] == [2, 2]
    assert three("word " * 50) == three("word " * 20)
    assert three(TEXT, max_length=64, padding=True, truncation=True) == three(TEXT)
    again = pickle.loads(pickle.dumps(three))
    assert again(TEXT) == three(TEXT)


def test_what_is_not_implemented_is_said(pipe):
    for arguments in (
        {"task": "text-generation", "model": "tweet-sentiment"},
        {"model": "tweet-sentiment", "device": "cuda:0"},
        {"model": "tweet-sentiment", "tokenizer": "bert"},
        {"model": "tweet-sentiment", "stride": 3},
        {"model": "tweet-sentiment", "truncation": "only_first"},
    ):
        with pytest.raises(NotImplementedError):
            riverrun.pipeline(**arguments)
    with pytest.raises(BadInput, match="no model"):
        riverrun.pipeline("text-classification")
    with pytest.raises(NotFound):
        riverrun.pipeline(model="nothing")
    with pytest.raises(NotSupported, match="`stride`"):
        pipe(TEXT, stride=3)


@pytest.mark.parametrize(
    "wrong",
    [5, None, 1.5, b"bytes", ("a", "b"), [1], ["a", None], [["a", "b"]], [[["a", 1]]], {"txt": "a"}, {"text": 5}],
)
def test_what_is_no_text_is_a_value_error(pipe, wrong):
    with pytest.raises(ValueError):
        pipe(wrong)


@pytest.mark.parametrize("wrong", [5, None, b"bytes", ("a", "b"), [1], [b"a"], {"text": 5}])
def test_another_type_is_a_type_error_too(pipe, wrong):
    with pytest.raises(TypeError):
        pipe(wrong)


def test_half_a_surrogate_pair_is_an_error_with_its_cause(pipe):
    with pytest.raises(BadInput, match="item 1 has a lone surrogate") as caught:
        pipe(["fine", "half \ud83d"])

    assert isinstance(caught.value.__cause__, UnicodeEncodeError)
    assert pipe("whole \U0001f600")


def test_impossible_options_are_refused(pipe):
    for options in ({"top_k": "two"}, {"top_k": 1.5}, {"function_to_apply": 3}, {"max_length": "8"}, {"batch_size": "2"}):
        with pytest.raises(BadInputType):
            pipe(iter([TEXT]) if "batch_size" in options else TEXT, **options)
    for options in ({"function_to_apply": "tanh"}, {"max_length": 0}):
        with pytest.raises(BadInput):
            pipe(TEXT, **options)
