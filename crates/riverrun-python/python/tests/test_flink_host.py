"""`RIVERRUN_HOST`, where there is no Flink. What it does where there is one is tested in `flink`."""

import importlib.util
import os

import pytest


@pytest.mark.skipif(importlib.util.find_spec("pyflink") is not None, reason="PyFlink is installed")
def test_flink_without_pyflink_says_what_to_install(python):
    for module in ("riverrun.datastream", "riverrun.common", "riverrun.datastream.functions"):
        ended = python(f"import riverrun; import {module}", env=os.environ | {"RIVERRUN_HOST": "flink"})

        assert ended.returncode == 1
        assert "ImportError: RIVERRUN_HOST is 'flink', and PyFlink is not installed; `pip install apache-flink`" in ended.stderr


def test_another_host_is_refused_with_the_choice(python):
    ended = python("import riverrun.datastream", env=os.environ | {"RIVERRUN_HOST": "spark"})

    assert "ValueError: RIVERRUN_HOST is 'spark'; it can be 'local', which is the default, or 'flink'" in ended.stderr


def test_a_model_is_run_without_a_host(python):
    """Functions inside Flink use runners without the stream API, whatever the environment says."""
    program = "import riverrun; r = riverrun.models.get('tweet-sentiment').to_runner(); r.init_local(); print(r.run('I love it')[0]['label'])"

    ended = python(program, env=os.environ | {"RIVERRUN_HOST": "flink"})

    assert ended.stdout == "positive\n"
