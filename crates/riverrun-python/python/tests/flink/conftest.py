"""Programs for Apache Flink, run as users run them."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import riverrun

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="session", autouse=True)
def model(model_directory):
    """What the programs call."""
    return riverrun.models.import_model(model_directory, "text-classification:1.0")


@pytest.fixture(scope="session")
def flink():
    """Runs a program on the mini-cluster that PyFlink starts in its process, and gives its standard output."""

    def run(program, *arguments, timeout=180, **environment):
        # Flink looks for `python` where the shell would.
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        command = [sys.executable, "-W", "ignore", program, *map(str, arguments)]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=os.environ | {"PATH": path} | environment
        )
        assert ended.returncode == 0, ended.stderr[-5000:] + ended.stdout[-2000:]
        return ended.stdout

    return run


@pytest.fixture(scope="session")
def page():
    """The blocks of code in a language on the page about PyFlink."""
    text = (HERE.parents[4] / "docs" / "pyflink.md").read_text()
    return lambda language: re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
