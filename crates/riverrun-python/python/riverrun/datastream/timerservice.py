"""Times, and timers of the current key."""

from abc import ABC, abstractmethod

__all__ = ["TimerService"]


class TimerService(ABC):
    """Times, and timers of the current key. Times are milliseconds since 1970."""

    @abstractmethod
    def current_processing_time(self) -> int:
        """What the clock shows."""

    @abstractmethod
    def current_watermark(self) -> int:
        """How far event time has come."""

    @abstractmethod
    def register_processing_time_timer(self, timestamp: int) -> None:
        """Has `on_timer` called when the clock shows this time."""

    @abstractmethod
    def register_event_time_timer(self, timestamp: int) -> None:
        """Has `on_timer` called when the watermark has passed this time."""

    def delete_processing_time_timer(self, timestamp: int) -> None:
        """Takes a timer back."""

    def delete_event_time_timer(self, timestamp: int) -> None:
        """Takes a timer back."""
