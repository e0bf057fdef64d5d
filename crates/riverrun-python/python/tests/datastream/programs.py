"""Stream programs in tests: their results, their timestamps, and Ctrl-C."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from riverrun.common import WatermarkStrategy
from riverrun.common.watermark_strategy import TimestampAssigner


class Field(TimestampAssigner):
    """The timestamp is a field of the record."""

    def __init__(self, index):
        self.index = index

    def extract_timestamp(self, value, record_timestamp):
        return value[self.index]


def by_field(index):
    """Timestamps from a field, in ascending order."""
    return WatermarkStrategy.for_monotonous_timestamps().with_timestamp_assigner(Field(index))


def results(stream):
    """All records of a stream."""
    return list(stream.execute_and_collect())


def words_of(text):
    """The words of a text without numbers of subtasks before the lines."""
    return sorted(re.sub(r"^\d+> ", "", line) for line in text.splitlines())


def interrupt(program: str, after: float) -> subprocess.CompletedProcess:
    """Runs a program that prints `ready`, presses Ctrl-C, and gives how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


WORKSPACE = pathlib.Path(__file__).resolve().parents[5]


def pyflink():
    """PyFlink's sources, where they are installed for the tests inside Flink; nothing here runs them with Flink."""
    (sources,) = (WORKSPACE / "target" / "test-envs" / "pyflink").glob("lib/*/site-packages/pyflink")
    return sources
