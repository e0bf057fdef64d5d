"""Runners that a service computes for."""

import asyncio
import contextlib
import os
import pathlib
import pickle
import subprocess
import time
import urllib.request

import pytest

import riverrun

TEXT = "What a lovely day"


@contextlib.contextmanager
def serving(log, model):
    """`riverrun serve` of a model, on a socket of its own."""
    command = pathlib.Path(os.environ["RIVERRUN_COMMAND"])
    assert command.is_file(), f"{command} is not there; `cargo build -p riverrun-cli` makes it"
    with open(log, "w") as file:
        process = subprocess.Popen([command, "serve", model, "--port", "0"], stdout=file, stderr=file)
    try:
        yield _url(log, process)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service of the tweet model."""
    with serving(tmp_path_factory.mktemp("service") / "log", "tweet-sentiment") as url:
        yield url


def _url(log, process):
    for _ in range(200):
        for word in log.read_text().replace(",", " ").split():
            if word.startswith("http://"):
                return "/".join(word.split("/")[:3])
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    pytest.fail(f"the service does not start: {log.read_text()}")


def remote(url, **options):
    runner = riverrun.models.get("tweet-sentiment").to_runner(**options)
    runner.init_client(url)
    return runner


def test_options_of_a_runner_of_images_reach_the_service(fixtures, tmp_path):
    model = riverrun.models.import_model(fixtures / "images" / "vit-bilinear", "remote-pets:1")
    image = fixtures / "images" / "wide.png"
    with serving(tmp_path / "log", "remote-pets") as url:
        runner = model.to_runner(top_k=2)
        runner.init_client(url)
        local = model.to_runner(top_k=2)
        local.init_local()

        assert len(runner.run(image)) == 2 and runner.run(image) == local.run(image)
        assert len(runner.run(image, top_k=1)) == 1


def test_a_service_gives_what_the_process_itself_would(service, runner):
    bound = remote(service)
    texts = [f"{TEXT} {number}" for number in range(30)]

    async def several():
        return await asyncio.gather(*(bound.async_run(text) for text in texts))

    assert bound.run(TEXT) == runner.run(TEXT)
    assert bound.predict.run(texts) == runner.run(texts)
    assert bound.run(texts[:3], top_k=None) == runner.run(texts[:3], top_k=None)
    assert [result[0] for result in asyncio.run(several())] == runner.run(texts)
    assert bound.info()["protocol"] == "Riverrun" and bound.info()["model"] == "tweet-sentiment:1.0"
    assert runner.info() is None


def test_the_seeds_request_is_answered(service, runner):
    request = urllib.request.Request(
        f"{service}/classify", data=TEXT.encode(), headers={"content-type": "text/plain"}, method="POST"
    )

    with urllib.request.urlopen(request) as response:
        import json

        answer = json.loads(response.read())
    assert [answer[0]["label"]] == [runner.run(TEXT)[0]["label"]]


def test_a_bound_runner_travels_and_binds_itself(service, runner):
    again = pickle.loads(pickle.dumps(remote(service)))

    assert again.run(TEXT) == runner.run(TEXT)
