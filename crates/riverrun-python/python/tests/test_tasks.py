"""Every inference task gives what `transformers` and `sentence-transformers` gave, by runners, pipelines and streams."""

import asyncio
import json
import pickle

import numpy
import pandas
import pytest

import riverrun
from riverrun.datastream import StreamExecutionEnvironment
from riverrun.datastream.exceptions import JobExecutionError
from riverrun.exceptions import BadInput, BadInputType, NotSupported

TASKS = {
    "tokens-pieces": "token-classification",
    "tokens-bytes": "token-classification",
    "features": "feature-extraction",
    "embeddings": "sentence-embeddings",
    "embeddings-cls": "sentence-embeddings",
    "masked-pieces": "fill-mask",
    "masked-unigram": "fill-mask",
    "questions-pieces": "question-answering",
    "ranking": "text-ranking",
    "zero-shot": "zero-shot-classification",
}


def cases(fixtures, name):
    recorded = json.loads((fixtures / "tasks" / name / "expected.json").read_text())
    # What takes a dictionary of parts is given one, what takes a text and options is given these.
    for case in recorded:
        inputs = dict(case["input"])
        text = inputs.pop("text", None)
        yield (case["input"], {}, case["output"]) if text is None else (text, inputs, case["output"])


def same(found, expected):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            same(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            same(one, other)
    elif isinstance(expected, float):
        assert float(found) == pytest.approx(expected, abs=1e-4)
    else:
        assert found == expected


@pytest.fixture(scope="module")
def made(fixtures):
    """The runners and pipelines of all fixtures, each loaded once."""
    models = {}

    def make(name):
        if name not in models:
            model = riverrun.models.import_model(fixtures / "tasks" / name, f"task-{name}")
            runner = model.to_runner(task=TASKS[name])
            runner.init_local()
            models[name] = runner, riverrun.pipeline(TASKS[name], model=model)
        return models[name]

    return make


@pytest.mark.parametrize("name", TASKS)
def test_runners_and_pipelines_give_what_transformers_gave(name, made, fixtures):
    runner, pipeline = made(name)
    compared = 0
    for inputs, options, expected in cases(fixtures, name):
        same(runner.run(inputs, **options), expected)
        result = pipeline(inputs, **options)
        same(result[0] if TASKS[name] == "feature-extraction" else result, expected)
        compared += 1
    assert compared >= 3 and runner.stats()["items"] >= compared


@pytest.mark.parametrize("name", ["tokens-pieces", "embeddings", "questions-pieces"])
def test_a_list_has_a_result_for_each_item_and_a_generator_an_iterator(name, made, fixtures):
    runner, pipeline = made(name)
    items = [inputs for inputs, _, _ in cases(fixtures, name)][:3]
    alone = [runner.run(item) for item in items]

    same([list(one) if name == "embeddings" else one for one in runner.run(items)], [_plain(one) for one in alone])
    same([_plain(one) for one in pipeline(item for item in items)], [_plain(one) for one in alone])
    same(_plain(asyncio.run(runner.async_run(items[0]))), _plain(alone[0]))


def _plain(value):
    return value.tolist() if isinstance(value, numpy.ndarray) else value


def test_embeddings_are_arrays_and_columns_of_texts_are_taken(made):
    runner, _ = made("embeddings")
    texts = ["Berlin is happy", "", "Paris"]

    one, all_of_them = runner.run(texts[0]), runner.run(texts)
    assert (one.dtype, one.shape) == (numpy.float32, (24,))
    assert all_of_them.shape == (3, 24) and (all_of_them[0] == one).all()
    for column in (numpy.array(texts), pandas.Series(texts)):
        assert (runner.run(column) == all_of_them).all()


def test_options_of_a_runner_hold_for_its_calls_and_a_call_may_say_otherwise(made, fixtures):
    runner, _ = made("tokens-pieces")
    grouped = runner.model.to_runner(aggregation_strategy="simple")
    grouped.init_local()
    text = "Angela Merkel lives in Berlin ."

    assert "entity_group" in grouped.run(text)[0]
    assert grouped.run(text) == runner.run(text, aggregation_strategy="simple")
    assert grouped.run(text, aggregation_strategy="none") == runner.run(text)

    small = made("embeddings")[0].model.to_runner(dimensions=8, normalize=True)
    small.init_local()
    assert numpy.linalg.norm(small.run("Berlin")) == pytest.approx(1, abs=1e-5) and small.run("Berlin").shape == (8,)


def test_inputs_that_come_again_are_not_computed_again(made, fixtures):
    for model, text in ((riverrun.models.get("tweet-sentiment"), "What a lovely day"), (made("tokens-pieces")[0].model, "Angela")):
        runner = model.to_runner(cached=100)
        runner.init_local()
        assert runner.run(text) == runner.run(text)
        assert runner.run([text, text])[0] == runner.run([text])[0]
        stats = runner.stats()
        assert stats["cache_misses"] == stats["items"] == 1 and stats["cache_hits"] == 4
        with pytest.raises(BadInputType, match="cached"):
            model.to_runner(cached="many")


def test_the_parts_of_a_question_and_a_ranking_may_be_given_by_name(made):
    questions, pipeline = made("questions-pieces")
    context = "Angela Merkel lives in Berlin ."
    answer = questions.run({"question": "who lives in Berlin ?", "context": context})
    assert questions.run(question="who lives in Berlin ?", context=context) == answer
    assert pipeline(question="who lives in Berlin ?", context=context) == answer
    assert pipeline(question=["who lives in Berlin ?"] * 2, context=context) == [answer, answer]

    ranking, _ = made("ranking")
    ranked = ranking.run(query="who ?", documents=["Angela Merkel", "Berlin"])
    assert sorted(one["corpus_id"] for one in ranked) == [0, 1]


def test_a_stream_puts_out_records_with_their_results_in_order(made):
    runner, _ = made("tokens-pieces")
    records = [(number, f"Angela Merkel lives in Berlin {number}") for number in range(300)]
    env = StreamExecutionEnvironment.get_execution_environment().set_parallelism(1)

    found = list(env.from_collection(records).infer(runner, lambda record: record[1]).execute_and_collect())

    assert [record for record, _ in found] == records
    assert found[7][1] == runner.run(records[7][1])
    unordered = env.from_collection(records).infer(runner, lambda record: record[1], ordered=False, capacity=10)
    assert sorted(record for record, _ in unordered.execute_and_collect()) == records


def test_what_is_wrong_with_a_record_ends_the_stream_with_its_error(made):
    runner, _ = made("tokens-pieces")
    env = StreamExecutionEnvironment.get_execution_environment().set_parallelism(1)
    with pytest.raises(JobExecutionError, match="neither text") as caught:
        list(env.from_collection([1]).infer(runner, lambda record: object()).execute_and_collect())
    assert isinstance(caught.value.__cause__, BadInputType)
    with pytest.raises(JobExecutionError) as caught:
        list(env.from_collection([1]).infer(runner, lambda record: str(1 // 0)).execute_and_collect())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(JobExecutionError, match="flat_map"):
        list(env.from_collection([1]).infer(runner, lambda record: ["a", "b"]).execute_and_collect())


def test_runners_and_pipelines_travel(made):
    runner, pipeline = made("masked-pieces")
    text = "Berlin is the [MASK] of Germany"
    assert pickle.loads(pickle.dumps(runner)).run(text) == runner.run(text)
    assert pickle.loads(pickle.dumps(pipeline))(text) == pipeline(text)


def test_what_cannot_be_is_said(made):
    tokens, pipeline = made("tokens-pieces")
    for call in (tokens.run, pipeline):
        with pytest.raises(BadInput, match="unknown field `top`"):
            call("Berlin", top=3)
        with pytest.raises(BadInput, match="aggregation_strategy|unknown variant"):
            call("Berlin", aggregation_strategy="best")
        with pytest.raises(BadInputType, match="None"):
            call(["Berlin", None])
        with pytest.raises(BadInput, match="item 1.*surrogate") as caught:
            call(["Berlin", "\ud800"])
        assert isinstance(caught.value.__cause__, UnicodeEncodeError)
        with pytest.raises(TypeError):
            call(("Berlin", "Paris"))
        with pytest.raises(TypeError):
            call()
        with pytest.raises(TypeError):
            call(object())
    with pytest.raises(BadInput, match="candidate_labels"):
        made("zero-shot")[0].run("Berlin")
    with pytest.raises(BadInput, match="mask"):
        made("masked-pieces")[0].run("no gap")
    with pytest.raises(TypeError, match="`question` and `context`"):
        made("questions-pieces")[0].run(question="who ?")


def test_a_task_that_the_model_or_nobody_can_do_is_refused(made):
    model = made("tokens-pieces")[0].model
    with pytest.raises(BadInput, match="token-classification"):
        model.to_runner(task="fill-mask")
    with pytest.raises(NotSupported, match="text-to-speech.*are"):
        riverrun.pipeline("text-to-speech", model=model)
    with pytest.raises(BadInput, match="no option|`top`|there is none"):
        model.to_runner(top=1)


def test_a_directory_is_a_model_too(fixtures, made):
    pipeline = riverrun.pipeline("ner", model=fixtures / "tasks" / "tokens-pieces")
    assert pipeline("Angela Merkel") == made("tokens-pieces")[1]("Angela Merkel")
