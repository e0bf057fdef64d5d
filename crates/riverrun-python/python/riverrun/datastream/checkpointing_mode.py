"""What a checkpoint guarantees."""

from enum import Enum

__all__ = ["CheckpointingMode"]


class CheckpointingMode(Enum):
    """What a checkpoint guarantees."""

    EXACTLY_ONCE = 0
    AT_LEAST_ONCE = 1
