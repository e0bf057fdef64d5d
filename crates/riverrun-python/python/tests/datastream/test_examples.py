"""Programs as PyFlink's examples are; and these themselves, where PyFlink is installed, with only their imports changed."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

from programs import words_of

TEXT = "to be or not to be"

OURS = {
    "word count in batch mode": (
        """
        from riverrun.common import Types
        from riverrun.datastream import RuntimeExecutionMode, StreamExecutionEnvironment
        env = StreamExecutionEnvironment.get_execution_environment()
        env.set_runtime_mode(RuntimeExecutionMode.BATCH)
        ds = env.from_collection(["to be or not", "to be"])
        ds = ds.flat_map(str.split).map(lambda w: (w, 1), output_type=Types.TUPLE([Types.STRING(), Types.INT()]))
        ds.key_by(lambda i: i[0]).reduce(lambda i, j: (i[0], i[1] + j[1])).print()
        env.execute()
        """,
        ["(be,2)", "(not,1)", "(or,1)", "(to,2)"],
    ),
    "word count as words come": (
        """
        from riverrun.common import Types
        from riverrun.datastream import StreamExecutionEnvironment
        env = StreamExecutionEnvironment.get_execution_environment()
        ds = env.from_collection(["to be or not", "to be"])
        ds = ds.flat_map(str.split).map(lambda w: (w, 1), output_type=Types.TUPLE([Types.STRING(), Types.INT()]))
        ds.key_by(lambda i: i[0]).reduce(lambda i, j: (i[0], i[1] + j[1])).print()
        env.execute()
        """,
        ["(be,1)", "(be,2)", "(not,1)", "(or,1)", "(to,1)", "(to,2)"],
    ),
    "word count into files": (
        """
        import pathlib, sys
        from riverrun.common import Encoder, Types, WatermarkStrategy
        from riverrun.datastream import StreamExecutionEnvironment
        from riverrun.datastream.connectors.file_system import (
            FileSink, FileSource, OutputFileConfig, RollingPolicy, StreamFormat)
        place = pathlib.Path(sys.argv[1])
        (place / "in.txt").write_text("to be\\nor not\\n")
        env = StreamExecutionEnvironment.get_execution_environment()
        env.set_parallelism(1)
        source = FileSource.for_record_stream_format(StreamFormat.text_line_format(), str(place / "in.txt"))
        ds = env.from_source(source.process_static_file_set().build(),
                             WatermarkStrategy.for_monotonous_timestamps(), "file_source")
        config = OutputFileConfig.builder().with_part_prefix("pre").with_part_suffix(".ext").build()
        sink = FileSink.for_row_format(str(place / "out"), Encoder.simple_string_encoder())
        sink = sink.with_output_file_config(config).with_rolling_policy(RollingPolicy.default_rolling_policy())
        pairs = ds.flat_map(str.split).map(lambda w: (w, 1), output_type=Types.TUPLE([Types.STRING(), Types.INT()]))
        pairs.sink_to(sink.build())
        env.execute()
        (part,) = (place / "out").rglob("pre*.ext")
        print(part.read_text(), end="")
        """,
        ["(be,1)", "(not,1)", "(or,1)", "(to,1)"],
    ),
}


def run(source, *arguments):
    command = [sys.executable, "-W", "ignore", "-c", source, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", OURS)
def test_a_program_gives_what_pyflink_gives(name, tmp_path):
    source, expected = OURS[name]
    lines = source.strip("\n").splitlines()

    ended = run("\n".join(line[8:] for line in lines), str(tmp_path))

    assert ended.returncode == 0, ended.stderr
    assert words_of(ended.stdout) == expected


def _examples():
    """PyFlink's own, from `RIVERRUN_PYFLINK` or where it is installed."""
    place = os.environ.get("RIVERRUN_PYFLINK")
    if place is None:
        spec = importlib.util.find_spec("pyflink")
        place = spec.submodule_search_locations[0] if spec is not None else None
    return None if place is None else pathlib.Path(place) / "examples" / "datastream"


FLOATS = [110.0999984741211, 130.0999984741211, 143.19999885559082, 163.29999923706055]
COUNTRY = "('{}', {})"

# What each prints in PyFlink 2.3, sorted, without the numbers of subtasks; of the word count, some of its lines.
ORIGINALS = {
    "word_count.py": ["(That,3)", "(them?--To,1)", "(The,7)", "(of,14)", "(the,15)"],
    "process_json_data.py": [
        "(2, {'name': 'hello', 'tel': 136, 'addr': {'country': 'China', 'city': 'Shanghai'}})",
        "(4, {'name': 'PyFlink', 'tel': 33, 'addr': {'country': 'China', 'city': 'Hangzhou'}})",
    ],
    "event_time_timer.py": ["('Alice', 163.29999923706055)", "('Bob', 102.49999952316284)"],
    "state_access.py": [f"('Alice', {value})" for value in FLOATS] + ["('Bob', 30.200000762939453)", "('Bob', 102.49999952316284)"],
    "basic_operations.py": [COUNTRY.format(*pair) for pair in [("Germany", 123), ("China", 135), ("USA", 124), ("China", 167)]],
    "windowing/tumbling_time_window.py": ["(hi,0,5,4)", "(hi,5,10,3)", "(hi,15,20,1)"],
    "windowing/sliding_time_window.py": ["(hi,-2,3,2)", "(hi,0,5,4)", "(hi,2,7,4)", "(hi,4,9,3)", "(hi,6,11,2)", "(hi,8,13,2)", "(hi,12,17,1)", "(hi,14,19,1)"],
    "windowing/session_with_gap_window.py": ["(hi,1,14,6)", "(hi,15,20,1)"],
    "windowing/session_with_dynamic_gap_window.py": ["(hi,1,30,7)"],
    "windowing/tumbling_count_window.py": ["(hi,4)", "(hello,6)", "(hello,12)"],
}


@pytest.mark.parametrize("name", ORIGINALS)
def test_an_example_of_pyflinks_runs_with_only_its_imports_changed(name):
    examples = _examples()
    if examples is None:
        pytest.skip("PyFlink is not installed, and RIVERRUN_PYFLINK does not say where it is")
    source = (examples / name).read_text().replace("pyflink", "riverrun")

    ended = run(source)

    assert ended.returncode == 0, ended.stderr
    printed = words_of(ended.stdout)
    assert [line for line in ORIGINALS[name] if line not in printed] == []
