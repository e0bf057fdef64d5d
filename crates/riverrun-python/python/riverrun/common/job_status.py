"""How far a job is."""

from enum import Enum

__all__ = ["JobStatus"]


class JobStatus(Enum):
    """How far a job is.

    >>> JobStatus.FINISHED.is_globally_terminal_state()
    True
    """

    CREATED = 0
    RUNNING = 1
    FAILING = 2
    FAILED = 3
    CANCELLING = 4
    CANCELED = 5
    FINISHED = 6
    RESTARTING = 7
    SUSPENDED = 8
    RECONCILING = 9

    def is_globally_terminal_state(self) -> bool:
        """Whether it has ended for good."""
        return self in (JobStatus.FAILED, JobStatus.CANCELED, JobStatus.FINISHED)

    def is_terminal_state(self) -> bool:
        """Whether nothing of it runs."""
        return self.is_globally_terminal_state() or self is JobStatus.SUSPENDED
