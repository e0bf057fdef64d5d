"""What a timer's time is measured against."""

from enum import Enum

__all__ = ["TimeDomain"]


class TimeDomain(Enum):
    """What a timer's time is measured against: the watermark or the clock."""

    EVENT_TIME = 0
    PROCESSING_TIME = 1
