"""Models in the functions of PyFlink, on the mini-cluster."""

import json
import os

import pytest

import functions
from functions import JOBS


@pytest.fixture(scope="module", params=JOBS)
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def ran(mode, flink, tmp_path_factory):
    """What the jobs gave, and what their functions left."""
    place = tmp_path_factory.mktemp(mode)
    printed = flink(functions.__file__, mode, 2, place)
    left = [json.loads(file.read_text()) for file in place.glob("*-closed-*.json")]
    return json.loads(printed.splitlines()[-1]), left


def test_every_kind_of_function_gives_the_labels_that_the_runner_gives(mode, ran, runner):
    expected = [[number, runner.run(text)[0]["label"]] for number, text in functions.RECORDS]

    results, _ = ran

    assert list(results) == JOBS[mode]
    for name, labels in results.items():
        assert labels == expected, name


def test_all_functions_of_a_worker_share_one_copy_of_the_model(ran):
    _, left = ran
    functions_of_map = [one for one in left if one["job"] == "map"]

    assert len(functions_of_map) == 4 and len({one["pid"] for one in functions_of_map}) == 1
    # The last to be closed has seen all that its copy computed: with copies of their own it would be its own calls alone.
    calls = sum(one["calls"] for one in functions_of_map)
    assert max(one["items"] for one in functions_of_map) == calls == 2 * len(functions.RECORDS)


def test_the_copy_is_released_when_the_functions_are_closed(mode, ran):
    _, left = ran
    others = [one for one in left if one["job"] != "map"]

    # The jobs came one after the other into the same process: a copy that had stayed would have counted on.
    assert {one["pid"] for one in left} == {left[0]["pid"]} and os.getpid() != left[0]["pid"]
    assert [one["job"] for one in sorted(others, key=lambda one: JOBS[mode].index(one["job"]))] == JOBS[mode][1:]
    assert all(one["items"] == one["calls"] == len(functions.RECORDS) for one in others)


def test_a_runner_as_a_field_opens_itself_in_the_worker(flink, tmp_path, runner):
    program = tmp_path / "field.py"
    program.write_text(
        """
import os
import riverrun
from pyflink.datastream import MapFunction, StreamExecutionEnvironment

class Classify(MapFunction):
    def __init__(self, runner):
        self.runner = runner

    def map(self, text):
        return os.getpid(), self.runner.run(text)

runner = riverrun.models.get("tweet-sentiment").to_runner(top_k=2, max_batch_size=8)
runner.init_local()
if __name__ == "__main__":
    env = StreamExecutionEnvironment.get_execution_environment()
    ((pid, labels),) = env.from_collection(["I love it"]).map(Classify(runner)).execute_and_collect()
    print([pid == os.getpid(), labels])
"""
    )

    printed = flink(program, _python_worker_execution_mode="process")

    assert printed.splitlines()[-1] == str([False, [runner.run("I love it", top_k=2)]])


def test_a_model_that_the_worker_does_not_have_fails_the_job_with_its_name(flink, tmp_path):
    program = tmp_path / "missing.py"
    program.write_text(
        """
import os
import riverrun
from pyflink.datastream import StreamExecutionEnvironment

runner = riverrun.models.get("tweet-sentiment").to_runner()
if __name__ == "__main__":
    os.environ["RIVERRUN_HOME"] = os.path.dirname(__file__)
    env = StreamExecutionEnvironment.get_execution_environment()
    stream = env.from_collection(["I love it"]).map(runner.run)
    try:
        list(stream.execute_and_collect())
    except Exception as error:
        print("no model `tweet-sentiment:1.0`" in str(error))
"""
    )

    printed = flink(program, _python_worker_execution_mode="process")

    assert printed.splitlines()[-1] == "True"
