"""The examples in docstrings and in the documentation run."""

import doctest
import importlib
import os
import pathlib
import pkgutil
import re
import tempfile

import pytest

import riverrun

WORKSPACE = pathlib.Path(__file__).resolve().parents[4]
PAGES = [WORKSPACE / "docs" / name for name in ("python.md", "python-services.md")]
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(riverrun.__path__, "riverrun.")
    # The part that belongs to another host runs in its tests.
    if not name.startswith(("riverrun.datastream", "riverrun._"))
]


@pytest.mark.parametrize("name", ["riverrun", *MODULES])
def test_examples_in_docstrings_run(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)

    assert result.failed == 0


def test_there_are_examples_in_docstrings():
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(name) for name in ["riverrun", *MODULES]]

    assert sum(len(test.examples) for module in modules for test in finder.find(module)) > 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_on_pages_run(page, tmp_path, monkeypatch):
    # It has a store of its own, which ends with the test.
    monkeypatch.setenv("RIVERRUN_HOME", os.environ["RIVERRUN_HOME"])
    monkeypatch.setenv("MODEL", str(WORKSPACE / "models" / "tweet-sentiment"))
    monkeypatch.setattr(tempfile, "mkdtemp", lambda: str(tmp_path))
    monkeypatch.chdir(WORKSPACE)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks, f"{page} has no examples"

    names = {"__name__": "example"}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)
