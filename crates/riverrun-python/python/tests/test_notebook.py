"""The tutorial notebook runs from its first cell to its last, and shows what its text says."""

import os
import pathlib

import nbclient
import nbformat
import pytest

NOTEBOOK = pathlib.Path(__file__).resolve().parents[4] / "docs" / "tutorial.ipynb"


@pytest.fixture(scope="module")
def cells(model_directory):
    """What the cells with code showed, as text and as HTML, under a word of each."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    # The kernel has the environment of this process, its search path included.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL", str(model_directory))
        client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}})
        client.execute(env=dict(os.environ))
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells, word):
    (cell,) = [cell for cell in cells if word in cell.source]
    texts = [output.get("text", "") for output in cell.outputs]
    data = [output.get("data", {}) for output in cell.outputs]
    return "".join([*texts, *(value for one in data for kind, value in one.items() if kind.startswith("text/"))])


def test_the_committed_notebook_has_no_outputs():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert cell.cell_type == "markdown" or (cell.outputs == [] and cell.execution_count is None)


def test_models_are_shown_as_a_table(cells):
    assert "<table>" in shown(cells, "models.list()") and "tweet-sentiment:1.0" in shown(cells, "models.list()")
    assert "label stage" in shown(cells, "models.get(")


def test_runners_and_pipelines_give_labels(cells):
    assert "'label': 'positive'" in shown(cells, 'runner.run("What a lovely day")')
    assert "200 results, fewer batches than texts: True" in shown(cells, "gather")
    assert "positive" in shown(cells, "reviews.head")
    # The bar ends full, with the texts that are there.
    assert "100%  500 of 500 texts" in shown(cells, "reviews.head")


def test_streams_give_their_results(cells):
    assert "[(0, 'positive'), (1, 'negative'), (2, 'positive'), (3, " in shown(cells, "class Classify")
    assert shown(cells, "for number, label in results") == "0 positive\n1 negative\n"
    assert "positive" in shown(cells, "totals = dict")
    assert "minute" in shown(cells, "ShareOfNegatives")
