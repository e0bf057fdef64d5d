"""The programs that the project began with: a model in the process, a service, windows and async calls."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

import riverrun
from riverrun.datastream import MapFunction

from programs import results
from test_remote import _url

SEED = pathlib.Path(__file__).parent / "seed"
TEXTS = ["What a lovely day", "This is awful", "I love it"]


@pytest.fixture(scope="module", autouse=True)
def model(model_directory):
    riverrun.models.import_model(model_directory, "text-classification:1.0")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    log = tmp_path_factory.mktemp("seed") / "log"
    command = [os.environ["RIVERRUN_COMMAND"], "serve", "text-classification", "--port", "0"]
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        yield _url(log, process)
    finally:
        process.terminate()
        process.wait(20)


def run(program, *arguments, replace=("", "")):
    source = (SEED / program).read_text().replace(*replace) if replace[0] else (SEED / program).read_text()
    command = [sys.executable, "-W", "error", "-c", source, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_program_with_the_model_in_its_process():
    records = [ast.literal_eval(line) for line in run("embedded.py")]

    assert [number for number, _ in records] == [1, 2, 3, 4, 5]
    for _, result in records:
        (best,) = result
        assert best["label"] in ("negative", "neutral", "positive") and 0 < best["score"] <= 1


def test_the_program_that_asks_a_service(service):
    embedded = [ast.literal_eval(line)[1][0]["label"] for line in run("embedded.py")]

    lines = run("remote.py", replace=("http://127.0.0.1:3000", service))

    assert [ast.literal_eval(line)[0]["label"] for line in lines] == embedded


def test_windows_of_calls_and_calls_of_windows(runner):
    labels = [result["label"] for result in runner.run(TEXTS)]
    records = [ast.literal_eval(line) for line in run("windows.py")]

    for how in ("one", "all"):
        assert [label for kind, _, label in records if kind == how] == labels


def test_async_calls_of_a_service(service, runner):
    labels = [result["label"] for result in runner.run(TEXTS)]

    assert [ast.literal_eval(line) for line in run("async_io.py", f"{service}/classify")] == list(enumerate(labels, 1))


def test_infer_gives_what_the_runner_gives_and_keeps_the_order(env, runner):
    pairs = [(number, f"{TEXTS[number % 3]} {number}") for number in range(300)]
    env.set_parallelism(1)
    ordered = env.from_collection(pairs).infer(runner, lambda pair: pair[1])
    unordered = env.from_collection(pairs).infer(runner, lambda pair: pair[1], ordered=False, capacity=10)

    expected = [(pair, runner.run(pair[1])) for pair in pairs]
    assert results(ordered) == expected
    assert sorted(results(unordered)) == sorted(expected, key=lambda record: record[0])


def test_infer_says_what_it_cannot_take(env, runner):
    with pytest.raises(TypeError, match="infer"):
        env.from_collection(["text"]).infer("text-classification")
    with pytest.raises(Exception) as raised:
        results(env.from_collection([5]).infer(runner))
    assert isinstance(raised.value.__cause__, TypeError)


def test_one_runner_serves_all_subtasks_of_a_map(env, runner):
    class Classify(MapFunction):
        def __init__(self):
            self.runner = riverrun.transformers.get("text-classification").to_runner()

        def open(self, runtime_context):
            self.runner.init_local()

        def map(self, text):
            return self.runner.run(text)[0]["label"]

    env.set_parallelism(2)
    stream = env.from_collection(TEXTS * 10).rebalance().map(Classify())

    assert sorted(results(stream)) == sorted([result["label"] for result in runner.run(TEXTS)] * 10)
