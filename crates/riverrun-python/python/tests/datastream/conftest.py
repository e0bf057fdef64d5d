"""What the tests of stream programs share."""

import pytest

from riverrun.datastream import StreamExecutionEnvironment


@pytest.fixture
def env():
    """An environment with one subtask per operator, so that results have an order."""
    environment = StreamExecutionEnvironment.get_execution_environment()
    environment.set_parallelism(1)
    return environment
