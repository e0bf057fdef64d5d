"""The same program on both hosts: here, and with `RIVERRUN_HOST=flink` on Flink's mini-cluster."""

import ast
import pathlib
import re

import pyflink
import pytest

TESTS = pathlib.Path(__file__).parents[1]
EXAMPLES = pathlib.Path(pyflink.__file__).parent / "examples" / "datastream"
PROGRAMS = [
    TESTS / "datastream" / "seed" / "embedded.py",
    EXAMPLES / "event_time_timer.py",
    EXAMPLES / "windowing" / "session_with_dynamic_gap_window.py",
    EXAMPLES / "word_count.py",
]


def lines(printed):
    """The records of `print`, without the numbers of subtasks."""
    stripped = [re.sub(r"^\d+> ", "", line) for line in printed.splitlines()]
    return sorted(line for line in stripped if line.startswith("("))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_program_gives_the_same_on_both_hosts(flink, tmp_path, program):
    copy = tmp_path / program.name
    copy.write_text(program.read_text().replace("pyflink", "riverrun"))

    here = lines(flink(copy, RIVERRUN_HOST="local"))
    there = lines(flink(copy, RIVERRUN_HOST="flink"))

    assert here and there == here


def test_the_seeds_program_gives_the_labels_of_the_runner(flink, runner):
    printed = lines(flink(PROGRAMS[0], RIVERRUN_HOST="flink"))

    records = [ast.literal_eval(line) for line in printed]
    source = PROGRAMS[0].read_text()
    texts = [ast.literal_eval(line.strip().rstrip(","))[1] for line in source.splitlines() if re.match(r"\s+\(\d, ", line)]
    assert records == [(number, runner.run(text)) for number, text in enumerate(texts, 1)]


def test_the_names_are_pyflinks_own(flink, tmp_path):
    program = tmp_path / "names.py"
    program.write_text(
        """
import pyflink.common, pyflink.common.time, pyflink.datastream, pyflink.datastream.functions
import riverrun.common, riverrun.common.time, riverrun.datastream, riverrun.datastream.functions
from riverrun.datastream.connectors.file_system import FileSource

assert riverrun.datastream is pyflink.datastream and riverrun.datastream.functions is pyflink.datastream.functions
assert riverrun.common is pyflink.common and riverrun.common.time.Time is pyflink.common.Time
assert pyflink.datastream.functions.__name__ == "pyflink.datastream.functions"
print(FileSource.__module__)
"""
    )

    assert flink(program, RIVERRUN_HOST="flink") == "pyflink.datastream.connectors.file_system\n"


def test_the_example_on_the_page_runs(flink, tmp_path, page):
    (example,) = [block for block in page("python") if "set_python_requirements" not in block]
    program = tmp_path / "example.py"
    program.write_text(example + "print('done')\n")

    assert flink(program).splitlines()[-1] == "done"
