"""How a job ends other than well."""

from __future__ import annotations

from riverrun.exceptions import RiverrunError

__all__ = ["JobCancelledError", "JobExecutionError"]


class JobExecutionError(RiverrunError, RuntimeError):
    """A job failed. The cause is the exception that a function of the user's raised, if one did, with its own traceback."""


class JobCancelledError(JobExecutionError):
    """A job was cancelled."""
