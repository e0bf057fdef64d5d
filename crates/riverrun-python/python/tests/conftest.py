"""A store with one model, and what several tests need."""

import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

# Before the package is imported by anything.
_HOME = tempfile.TemporaryDirectory(prefix="riverrun-tests-")
os.environ["RIVERRUN_HOME"] = _HOME.name

import pytest

import riverrun

# What runs inside Flink has an environment of its own: its package wants older versions of what others here use.
collect_ignore = [] if importlib.util.find_spec("pyflink") else ["flink"]

WORKSPACE = pathlib.Path(__file__).resolve().parents[4]
MODEL = WORKSPACE / "models" / "tweet-sentiment"
FIXTURES = WORKSPACE / "crates" / "riverrun-inference" / "tests" / "fixtures"


def pytest_sessionstart(session):
    riverrun.models.import_model(MODEL, "tweet-sentiment:1.0", labels={"stage": "test"}, metadata={"f1": 0.7})
    riverrun.models.import_model(FIXTURES / "tasks" / "tokens-pieces", "ner:1.0")
    riverrun.models.import_model(WORKSPACE / "crates" / "riverrun-onnx" / "tests" / "fixtures" / "two-inputs.onnx", "net:1.0")


@pytest.fixture(scope="session")
def model_directory():
    return MODEL


@pytest.fixture(scope="session")
def fixtures():
    return FIXTURES


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store."""
    monkeypatch.setenv("RIVERRUN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def runner():
    """A loaded runner of the tweet model."""
    runner = riverrun.models.get("tweet-sentiment").to_runner()
    runner.init_local()
    return runner


@pytest.fixture
def python():
    """Runs a program in a Python of its own, and gives its output."""

    def run(program, timeout=60, **options):
        return subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=timeout, **options
        )

    return run
