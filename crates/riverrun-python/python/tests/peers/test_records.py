"""The pipeline gives what `transformers` 4.41 gives, in every calling convention, as record.py has recorded it."""

import hashlib
import json
import lzma
import pathlib
import shutil

import pytest

import riverrun

from calls import CALLS, TEXTS, Dataset

RECORDS = json.loads(lzma.decompress((pathlib.Path(__file__).parent / "records.json.xz").read_bytes()))
# Of probabilities, and of logits, which `none` gives.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def pipeline(model_directory, tmp_path_factory):
    """Makes the pipeline of a call."""

    def make(call):
        directory = model_directory
        if call.problem_type is not None:
            directory = tmp_path_factory.mktemp("model")
            shutil.copytree(model_directory, directory, dirs_exist_ok=True)
            config = json.loads((directory / "config.json").read_text())
            (directory / "config.json").write_text(json.dumps(config | {"problem_type": call.problem_type}))
        return riverrun.pipeline("text-classification", model=directory, **call.made_with)

    return make


def same(result, recorded, where):
    """Fails where a result is nested otherwise than the record, or has other labels or scores."""
    if isinstance(result, dict):
        assert list(result) == ["label", "score"] and type(result["score"]) is float, where
        label, millionths = recorded
        assert result["label"] == RECORDS["labels"][label], f"{where}: {result}, not {recorded}"
        assert result["score"] == pytest.approx(millionths / 1e6, abs=TOLERANCE), where
        return
    assert type(result) is list and len(result) == len(recorded), f"{where}: {result!r:.200}, not {recorded!r:.200}"
    for index, (one, other) in enumerate(zip(result, recorded)):
        # A result that should be a list is no dictionary, and the other way round.
        assert isinstance(one, dict) == (isinstance(other, list) and bool(other) and isinstance(other[0], int)), f"{where}[{index}]"
        same(one, other, f"{where}[{index}]")


def test_the_records_are_of_these_texts():
    assert RECORDS["texts"] == hashlib.sha256(json.dumps(TEXTS).encode()).hexdigest() and len(TEXTS) == 2000
    assert RECORDS["transformers"].startswith("4.41.")
    assert RECORDS["results"].keys() == {*CALLS, "a dataset"}


@pytest.mark.filterwarnings("ignore:`return_all_scores` is deprecated")
@pytest.mark.parametrize("name", CALLS)
def test_a_call_gives_what_transformers_gives(pipeline, name):
    call = CALLS[name]

    same(call.call(pipeline(call)), RECORDS["results"][name], name)


def test_a_dataset_gives_what_transformers_gives(pipeline):
    same(list(pipeline(CALLS["a list"])(Dataset())), RECORDS["results"]["a dataset"], "a dataset")
