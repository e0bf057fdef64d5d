"""The examples on the page on stream programs and in the docstrings run; its table names what is there."""

import doctest
import importlib
import pkgutil
import re

import pytest

import riverrun.common
import riverrun.datastream

from conformance import DIFFERS, table
from programs import WORKSPACE, pyflink

PAGE = WORKSPACE / "docs" / "python-datastream.md"
MODULES = [
    name
    for package in (riverrun.common, riverrun.datastream)
    for name in [package.__name__, *(module for _, module, _ in pkgutil.walk_packages(package.__path__, package.__name__ + "."))]
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed == 0


def test_examples_on_the_page_run():
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 3

    names = {"__name__": "example"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)


def test_the_table_is_what_comparing_with_pyflink_gives():
    assert table(pyflink()) in PAGE.read_text()


def test_the_table_says_what_differs():
    page = PAGE.read_text()

    for method, how in DIFFERS.items():
        cls, _, name = method.partition(".")
        rows = [line for line in page.splitlines() if re.match(rf"\| `[\w.]+` \| `([\w.]+\.)?{cls}` \|", line)]
        assert any(f"`{name}`: {how}" in row for row in rows), method


def test_the_table_says_nothing_of_a_method_that_is_not_there():
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) > 100

    for _, module, cls, same, differs, *_ in rows:
        if same.strip().isdigit() and int(same) and cls.strip() != "functions":
            found = importlib.import_module("riverrun." + module.strip(" `"))
            for name in cls.strip(" `").split("."):
                found = getattr(found, name)
            methods = {name for base in found.__mro__ for name in vars(base) if not name.startswith("_")}
            assert len(methods) >= int(same), f"{cls} has the methods {methods}, and {same} are said to be the same"
            for name in re.findall(r"`(\w+)`: ", differs):
                assert name in methods, f"{cls} has no {name}, which is said to differ"
