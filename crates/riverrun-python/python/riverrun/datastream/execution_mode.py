"""Whether a program gives results as records come, or at the end."""

from enum import Enum

__all__ = ["RuntimeExecutionMode"]


class RuntimeExecutionMode(Enum):
    """Whether a program gives results as records come, or when all of a bounded input is there."""

    STREAMING = 0
    BATCH = 1
    AUTOMATIC = 2
