"""Importing the package brings in what a program asks for and no more."""

import riverrun

HEAVY = ("asyncio", "email", "http", "json", "numpy", "pandas", "riverrun.common", "riverrun.datastream", "riverrun.io", "riverrun.service")


def test_an_import_loads_neither_services_nor_streams_nor_what_they_need(python):
    program = f"import sys, riverrun; print([name for name in {HEAVY} if name in sys.modules])"
    assert python(program).stdout.strip() == "[]"


def test_a_runner_loads_no_services_and_no_streams(python):
    program = (
        "import sys, riverrun; runner = riverrun.transformers.get('tweet-sentiment').to_runner(); runner.init_local();"
        "print(runner.run('What a lovely day')[0]['label'], [name for name in ('riverrun.service', 'riverrun.datastream') if name in sys.modules])"
    )
    assert python(program).stdout.strip() == "positive []"


def test_every_public_name_is_there_when_it_is_asked_for(python):
    program = "import riverrun; print(*(type(getattr(riverrun, name)).__name__ for name in riverrun.__all__)); print(*dir(riverrun))"
    kinds, names = python(program).stdout.splitlines()
    assert len(kinds.split()) == len(riverrun.__all__)
    assert set(riverrun.__all__) <= set(names.split())
    assert python("from riverrun import *; print(Service, pipeline, transformers.get)").returncode == 0


def test_a_name_that_is_not_there_is_an_attribute_error(python):
    answer = python("import riverrun; riverrun.tensorflow")
    assert "AttributeError: module 'riverrun' has no attribute 'tensorflow'" in answer.stderr
    assert "ImportError" in python("from riverrun import tensorflow").stderr
