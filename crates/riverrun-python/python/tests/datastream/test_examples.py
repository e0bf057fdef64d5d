"""Programs as PyFlink's examples are; and these themselves, as `apache-flink` has them, with only their imports changed."""

import ast
import collections
import subprocess
import sys

import pytest

from programs import pyflink, words_of

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


ALICE = [110.0999984741211, 130.0999984741211, 143.19999885559082, 163.29999923706055]
BOB = [30.200000762939453, 83.29999923706055, 86.39999914169312, 102.49999952316284]
PERSON = """({}, '{{"name": "{}", "tel": {}, "addr": {{"country": "{}", "city": "{}"}}}}')"""
PEOPLE = [(1, "Flink", 124, "Germany", "Berlin"), (2, "hello", 136, "China", "Shanghai")]
PEOPLE += [(3, "world", 125, "USA", "NewYork"), (4, "PyFlink", 33, "China", "Hangzhou")]
COUNTRY = "('{}', {})"

# What each prints in PyFlink 2.3, without the numbers of subtasks; of the word count, what counting the words of its own text gives.
ORIGINALS = {
    "word_count.py": None,
    "process_json_data.py": [
        "(2, {'name': 'hello', 'tel': 136, 'addr': {'country': 'China', 'city': 'Shanghai'}})",
        "(4, {'name': 'PyFlink', 'tel': 33, 'addr': {'country': 'China', 'city': 'Hangzhou'}})",
    ],
    "event_time_timer.py": [f"('Alice', {ALICE[-1]})", f"('Bob', {BOB[-1]})"] * 4,
    "state_access.py": [f"('Alice', {value})" for value in ALICE] + [f"('Bob', {value})" for value in BOB],
    "basic_operations.py": [PERSON.format(*person) for person in [*PEOPLE, PEOPLE[0]]]
    + [COUNTRY.format(*pair) for pair in [("Germany", 123), ("China", 135), ("USA", 124), ("China", 167)]],
    "windowing/tumbling_time_window.py": ["(hi,0,5,4)", "(hi,5,10,3)", "(hi,15,20,1)"],
    "windowing/sliding_time_window.py": ["(hi,-2,3,2)", "(hi,0,5,4)", "(hi,2,7,4)", "(hi,4,9,3)", "(hi,6,11,2)", "(hi,8,13,2)", "(hi,12,17,1)", "(hi,14,19,1)"],
    "windowing/session_with_gap_window.py": ["(hi,1,14,6)", "(hi,15,20,1)"],
    "windowing/session_with_dynamic_gap_window.py": ["(hi,1,30,7)"],
    "windowing/tumbling_count_window.py": ["(hi,4)", "(hello,6)", "(hello,12)"],
}


def counted(source):
    """What the word count prints: each word of its text with how often it is there."""
    tree = ast.parse(source)
    (lines,) = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "word_count_data"]
    words = collections.Counter(word for line in ast.literal_eval(lines) for word in line.split())
    return [f"({word},{count})" for word, count in words.items()]


@pytest.mark.parametrize("name", ORIGINALS)
def test_an_example_of_pyflinks_runs_with_only_its_imports_changed(name):
    source = (pyflink() / "examples" / "datastream" / name).read_text().replace("pyflink", "riverrun")

    ended = run(source)

    assert ended.returncode == 0, ended.stderr
    printed = [line for line in words_of(ended.stdout) if not line.startswith(("Executing ", "Printing ", "Use "))]
    assert printed == sorted(ORIGINALS[name] or counted(source))
