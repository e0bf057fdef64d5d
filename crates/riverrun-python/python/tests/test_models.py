"""The store: what is put in is found, and what is not there is said so."""

import datetime
import pickle
import shutil

import pytest

import riverrun
from riverrun.exceptions import AlreadyExists, BadInput, BadInputType, ModelError, NotFound, RiverrunError, StoreError


def test_a_model_says_what_it_is():
    model = riverrun.models.get("tweet-sentiment:latest")

    assert str(model.tag) == "tweet-sentiment:1.0"
    assert (model.task, model.format) == ("text-classification", "safetensors")
    assert model.labels == {"stage": "test"} and model.metadata == {"f1": 0.7}
    assert [signature.method for signature in model.signatures] == ["predict"]
    assert datetime.datetime.now(datetime.timezone.utc) - model.creation_time < datetime.timedelta(hours=1)
    assert model.size == sum(file.size for file in model.files)
    assert model.path_of("config.json").startswith(model.path)
    assert "tweet-sentiment:1.0" in repr(model) and "<table>" in model._repr_html_()
    model.verify()


def test_a_listing_has_all_versions_and_can_be_narrowed_to_a_name(store, model_directory):
    for tag in ("one:1", "one:2", "two:1"):
        riverrun.models.import_model(model_directory, tag)

    assert [str(model.tag) for model in riverrun.models.list()] == ["one:2", "one:1", "two:1"]
    assert [str(model.tag) for model in riverrun.models.list("one")] == ["one:2", "one:1"]
    assert [str(model.tag) for model in riverrun.models.list("one:1")] == ["one:1"]
    assert "two:1" in riverrun.models.list()._repr_html_()


def test_latest_moves_with_imports_promotions_and_deletions(store, model_directory):
    def latest():
        return riverrun.models.get("m").tag.version

    riverrun.models.import_model(model_directory, "m:1")
    riverrun.models.import_model(model_directory, "m:2", promote=False)
    assert latest() == "1"

    riverrun.models.promote("m:2")
    assert latest() == "2"

    riverrun.models.delete("m:latest")
    assert latest() == "1"


def test_a_name_without_a_version_gets_one(store, model_directory):
    model = riverrun.transformers.save_model("m", model_directory)

    assert model.tag.name == "m" and model.tag.version
    assert riverrun.transformers.get("m") == model


def test_a_model_that_is_not_there_is_a_lookup_error_that_names_what_is_near():
    with pytest.raises(NotFound, match="did you mean `tweet-sentiment`") as caught:
        riverrun.models.get("tweet-sentimant")

    assert isinstance(caught.value, LookupError) and isinstance(caught.value, RiverrunError)
    with pytest.raises(NotFound):
        riverrun.models.get("tweet-sentiment:2.0")
    with pytest.raises(NotFound, match="has no file"):
        riverrun.models.get("tweet-sentiment").path_of("../latest")


@pytest.mark.parametrize("tag", ["", "a:", "a b", "-a", "a/b", "x" * 64])
def test_what_is_no_tag_is_a_value_error(tag):
    with pytest.raises(BadInput):
        riverrun.models.get(tag)


@pytest.mark.parametrize("tag", [None, 5, b"a:1", ["a"]])
def test_a_tag_of_another_type_is_a_type_error(tag):
    with pytest.raises(TypeError):
        riverrun.models.get(tag)


def test_upper_case_in_a_tag_is_lowered_with_a_warning():
    with pytest.warns(UserWarning, match="lower case"):
        assert riverrun.models.get("Tweet-Sentiment").tag.name == "tweet-sentiment"


def test_a_taken_tag_is_an_error(store, model_directory):
    riverrun.models.import_model(model_directory, "m:1")

    with pytest.raises(AlreadyExists, match="identical content"):
        riverrun.models.import_model(model_directory, "m:1")


def test_what_is_no_model_is_an_error_with_its_cause(store, tmp_path):
    with pytest.raises(BadInput) as caught:
        riverrun.models.import_model(tmp_path / "nothing", "m:1")
    assert isinstance(caught.value.__cause__, FileNotFoundError)

    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="no model that can be imported"):
        riverrun.models.import_model(tmp_path / "file", "m:1")


def test_a_directory_without_a_model_or_with_a_pickle_is_refused(store, model_directory, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(model_directory, copy)
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")

    with pytest.raises(ModelError, match="Python pickle"):
        riverrun.models.import_model(copy, "m:1")
    (copy / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match="model.safetensors"):
        riverrun.models.import_model(copy, "m:1")
    assert riverrun.models.list() == []


def test_labels_and_metadata_of_types_that_cannot_be_kept_are_type_errors(store, model_directory):
    with pytest.raises(BadInputType, match="'a'"):
        riverrun.models.import_model(model_directory, "m:1", labels={"a": 1})
    with pytest.raises(BadInputType, match=r'metadata\["a"\]\[1\] is of type NoneType'):
        riverrun.models.import_model(model_directory, "m:1", metadata={"a": [1, None]})
    with pytest.raises(OverflowError):
        riverrun.models.import_model(model_directory, "m:1", metadata={"a": 1 << 70})


def test_metadata_that_is_too_deep_is_refused_and_what_is_not_is_read_again(store, model_directory):
    def nested(depth):
        value = 1
        for level in range(depth):
            value = [value] if level % 2 else {"k": value}
        return {"a": value}

    riverrun.models.import_model(model_directory, "m:1", metadata=nested(63))
    assert riverrun.models.get("m:1").metadata == nested(63)
    cyclic = {}
    cyclic["again"] = [cyclic]
    for metadata in (nested(64), nested(100_000), cyclic):
        with pytest.raises(BadInput, match="^metadata has .* deep"):
            riverrun.models.import_model(model_directory, "m:2", metadata=metadata)


def test_a_changed_file_is_found(store, model_directory):
    model = riverrun.models.import_model(model_directory, "m:1")
    with open(model.path_of("tokenizer.json"), "w") as file:
        file.write("{}")

    with pytest.raises(ModelError, match="changed after its import"):
        model.verify()
    with pytest.raises(ModelError, match="changed after its import"):
        model.to_runner().init_local()


def test_an_unusable_version_is_listed_as_a_warning(store, model_directory):
    model = riverrun.models.import_model(model_directory, "m:1")
    (store / "models" / "m" / "1" / "model.toml").write_text("schema =")

    with pytest.warns(UserWarning, match="m:1 is left out"):
        assert riverrun.models.list() == []
    assert model.tag.name == "m"


def test_a_store_that_is_a_file_is_an_os_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RIVERRUN_HOME", str(tmp_path / "file"))

    with pytest.raises(StoreError) as caught:
        riverrun.models.list()
    assert isinstance(caught.value, OSError) and isinstance(caught.value.__cause__, NotADirectoryError)


def test_a_model_travels_by_its_tag():
    model = riverrun.models.get("tweet-sentiment")

    assert pickle.loads(pickle.dumps(model)) == model
