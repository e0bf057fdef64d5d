"""The recipe of the documentation, on a standalone cluster that has neither the package nor a model."""

import json
import os
import pathlib
import shutil

import pytest

import functions
import riverrun
import wheel
from cluster import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def job(tmp_path_factory, page, model_directory):
    """The directory that the page has one make."""
    place = tmp_path_factory.mktemp("job")
    (place / "wheels").mkdir()
    wheel.build(place / "wheels")
    (place / "requirements.txt").write_text("riverrun\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIVERRUN_HOME", str(place / "store"))
        riverrun.models.import_model(model_directory, "text-classification:1.0")
    shutil.make_archive(str(place / "store"), "zip", place / "store")
    shutil.rmtree(place / "store")
    (source,) = [block for block in page("python") if "set_python_requirements" in block]
    (place / "job.py").write_text(source)
    return place


# The client builds the job, so it has the package; the workers have what the job brings along.
CLIENT = {"PYTHONPATH": str(pathlib.Path(riverrun.__file__).parents[1])}


@pytest.fixture(params=["process", "thread"])
def mode(request):
    return request.param


def test_a_job_brings_the_package_and_its_model_to_the_workers(cluster, job, mode, runner):
    texts = ["What a lovely day", "This is awful", "I love it", "Never again"]

    printed = cluster.run([f"-Dpython.execution-mode={mode}", "--parallelism", "2"], job / "job.py", **CLIENT)

    labels = [(number, runner.run(text)[0]["label"]) for number, text in enumerate(texts, 1)]
    assert str(labels) in printed.splitlines()


def test_each_worker_has_one_copy_of_the_model_for_all_its_functions(cluster, job, mode, tmp_path, runner):
    printed = cluster.run([], functions.__file__, mode, 2, tmp_path, job, **CLIENT)

    expected = [[number, runner.run(text)[0]["label"]] for number, text in functions.RECORDS]
    (results,) = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert results == dict.fromkeys(functions.JOBS[mode], expected)
    left = [json.loads(file.read_text()) for file in tmp_path.glob("map-closed-*.json")]
    workers = {one["pid"] for one in left}
    assert len(workers) == 2 and len(left) == 4
    for worker in workers:
        functions_of_it = [one for one in left if one["pid"] == worker]
        assert max(one["items"] for one in functions_of_it) == sum(one["calls"] for one in functions_of_it)


def test_a_cluster_leaves_no_process(cluster, tmp_path):
    with Cluster(tmp_path, task_managers=0) as another:
        (group,) = [process.pid for process in another._processes]
        assert os.getpgid(group) == group

    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
