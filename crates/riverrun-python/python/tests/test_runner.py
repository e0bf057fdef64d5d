"""Runners of models: what they give, and when they refuse."""

import asyncio
import pickle
import threading

import pytest

import riverrun
from riverrun.exceptions import BadInput, BadInputType, ModelError, NotFound, StateError, UnknownMethod

TEXT = "What a lovely day"


def new(**options):
    return riverrun.transformers.get("tweet-sentiment:latest").to_runner(**options)


def test_the_seeds_calls_work():
    import riverrun as bentoml

    runner = bentoml.transformers.get("tweet-sentiment:latest").to_runner()
    runner.init_local()

    assert runner.predict.run(TEXT) == runner.run(TEXT)
    assert runner.run(TEXT)[0]["label"] == "positive"


def test_results_are_nested_as_those_of_the_pipeline(runner):
    one, pair = runner.run(TEXT), runner.run({"text": TEXT, "text_pair": "a"})

    assert isinstance(one, list) and len(one) == 1 and set(one[0]) == {"label", "score"}
    assert isinstance(pair, dict)
    assert runner.run([TEXT, TEXT]) == one * 2
    assert runner.run(TEXT, top_k=1) == one
    assert runner.run([TEXT], top_k=1) == [one]
    assert [len(labels) for labels in runner.run([TEXT, "a"], top_k=None)] == [3, 3]
    assert runner.run([]) == []


def test_options_of_the_runner_hold_where_a_call_does_not_say_otherwise(runner):
    all_labels = new(top_k=None)
    all_labels.init_local()
    logits = new(function_to_apply="none")
    logits.init_local()

    assert all_labels.run(TEXT) == [runner.run(TEXT, top_k=None)]
    assert all_labels.run(TEXT, top_k=1) == runner.run(TEXT)
    assert logits.run(TEXT)[0]["score"] > 1
    assert logits.run(TEXT) == runner.run(TEXT, function_to_apply="none")


def test_a_text_that_is_too_long_is_cut_or_an_error():
    long = "word " * 4000
    strict = new(truncation=False)
    strict.init_local()

    with pytest.raises(BadInput, match="tokens and the model takes"):
        strict.run(long)
    with pytest.raises(ValueError, match="item 1.*tokens and the model takes"):
        strict.run([TEXT, long])
    short = new(max_length=8)
    short.init_local()
    assert short.run(long) == short.run("word " * 100)


def test_a_precision_changes_scores_a_little_and_an_unknown_one_is_an_error(runner):
    exact = runner.run(TEXT, top_k=None)
    for precision in ("bf16", "int8-faithful", "int8"):
        rounded = new(precision=precision)
        rounded.init_local()
        scores = {label["label"]: label["score"] for label in rounded.run(TEXT, top_k=None)}
        assert all(scores[label["label"]] == pytest.approx(label["score"], abs=0.05) for label in exact)
    with pytest.raises(BadInput, match="`int4` is no precision; there are f32, bf16, int8-faithful and int8"):
        new(precision="int4").init_local()


def test_async_run_is_awaited_on_any_loop_and_gives_the_same(runner):
    texts = [f"{TEXT} {number}" for number in range(40)]

    async def several():
        alone = await asyncio.gather(*(runner.async_run(text) for text in texts))
        return alone, await runner.predict.async_run(texts), await runner.async_run(TEXT, top_k=2)

    for _ in range(2):
        alone, together, two = asyncio.run(several())
        assert [result[0] for result in alone] == together == runner.run(texts)
        assert len(two) == 2


def test_async_errors_arrive_where_they_are_awaited(runner):
    async def bad():
        with pytest.raises(BadInputType):
            await runner.async_run(["a", 5])
        strict = new(truncation=False)
        strict.init_local()
        with pytest.raises(ValueError, match="tokens"):
            await strict.async_run("word " * 4000)

    asyncio.run(bad())


def test_a_cancelled_call_leaves_the_loop_and_the_runner_working(runner):
    async def cancelled():
        task = asyncio.create_task(runner.async_run([TEXT * 20] * 2000))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await runner.async_run(TEXT)

    assert asyncio.run(cancelled()) == runner.run(TEXT)


def test_more_items_than_the_queue_holds_are_computed():
    small = new(max_queue=4, max_batch_size=2)
    small.init_local()
    texts = [f"{TEXT} {number}" for number in range(50)]

    async def together():
        return await asyncio.gather(*(small.async_run(texts) for _ in range(3)))

    expected = small.run(texts)
    assert len(expected) == 50 and asyncio.run(together()) == [expected] * 3


def test_threads_share_a_runner_and_get_their_own_results(runner):
    texts = [f"{TEXT} {number}" for number in range(64)]
    expected = [runner.run(text) for text in texts]
    results = [None] * len(texts)

    def work(start):
        for index in range(start, len(texts), 4):
            results[index] = runner.run(texts[index])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == expected


def test_other_threads_go_on_while_a_batch_is_computed(runner):
    ticks = 0
    done = threading.Event()

    def tick():
        nonlocal ticks
        while not done.wait(0.001):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    runner.run([TEXT * 30] * 600)
    done.set()
    thread.join()

    assert ticks > 20


def test_a_runner_is_initialised_once_and_before_it_is_run():
    runner = new()

    with pytest.raises(StateError, match="init_local"):
        runner.run(TEXT)
    with pytest.raises(RuntimeError, match="not initialised"):
        runner.run([TEXT])
    assert not runner.is_initialised
    runner.init_local()
    assert runner.is_initialised
    with pytest.raises(StateError, match="already initialised"):
        runner.init_local()
    with pytest.raises(StateError, match="already initialised"):
        runner.init_client("http://localhost:1")


def test_an_unknown_method_is_an_attribute_error_that_lists_those_there_are(runner):
    with pytest.raises(UnknownMethod, match="it has `predict`"):
        runner.embed.run(TEXT)
    assert not hasattr(runner, "embed")


def test_impossible_options_are_refused():
    for options, error in (
        ({"max_batch_size": 0}, BadInput),
        ({"max_batch_size": -1}, BadInputType),
        ({"max_latency_ms": -1.0}, BadInput),
        ({"timeout": "soon"}, BadInputType),
        ({"top_k": "many"}, ValueError),
        ({"function_to_apply": "tanh"}, BadInput),
        ({"method_configs": {"embed": {}}}, BadInput),
        ({"method_configs": {"predict": {"size": 3}}}, BadInput),
    ):
        with pytest.raises(error):
            new(**options)
    with pytest.raises(ModelError, match="max_length"):
        new(max_length=1 << 20).init_local()


def test_counts_say_what_was_done():
    runner = new(max_batch_size=3)
    runner.init_local()
    runner.run([TEXT] * 10)

    stats = runner.stats()
    assert stats["items"] == 10 and stats["failed_items"] == 0 and stats["mean_batch_size"] <= 3
    runner.warm_up()


def test_a_runner_travels_by_tag_and_opens_itself():
    runner = new(top_k=2, max_batch_size=7)
    closed = pickle.loads(pickle.dumps(runner))
    runner.init_local()
    opened = pickle.loads(pickle.dumps(runner))

    assert not closed.is_initialised and opened.is_initialised
    assert opened.run(TEXT) == runner.run(TEXT) and len(opened.run(TEXT)[0]) == 2


def test_a_runner_that_has_travelled_looks_for_its_model_when_it_is_used_first(tmp_path, monkeypatch):
    runner = new()
    runner.init_local()
    pickled = pickle.dumps(runner)

    with monkeypatch.context() as patch:
        patch.setenv("RIVERRUN_HOME", str(tmp_path))
        arrived = pickle.loads(pickled)
        assert str(arrived.tag) == "tweet-sentiment:1.0" and arrived.is_initialised
        with pytest.raises(NotFound, match="no model `tweet-sentiment:1.0`"):
            arrived.run(TEXT)

    assert arrived.run(TEXT) == runner.run(TEXT)
    with pytest.raises(StateError, match="already"):
        pickle.loads(pickled).init_local()


def test_a_destroyed_runner_has_let_the_model_go_and_can_be_initialised_again():
    # Limits that no other runner has, so that nobody else holds its queue.
    runner = new(max_batch_size=11, max_queue=77)
    runner.init_local()
    expected = runner.run([TEXT, TEXT])

    runner.destroy()
    assert not runner.is_initialised
    with pytest.raises(StateError, match="init_local"):
        runner.run(TEXT)
    runner.init_local()
    assert runner.stats()["items"] == 0 and runner.run([TEXT, TEXT]) == expected


def test_nobody_at_the_other_end_is_a_connection_error():
    with pytest.raises(ConnectionError, match="reached none of its endpoints"):
        new().init_client("http://127.0.0.1:9", connect_timeout=0.3)
    with pytest.raises(BadInput, match="is not an endpoint"):
        new().init_client("ftp://host")
    with pytest.raises(BadInput, match="protocol must be"):
        new().init_client("http://127.0.0.1:9", protocol="smtp")
