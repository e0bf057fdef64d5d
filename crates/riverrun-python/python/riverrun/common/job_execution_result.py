"""What is known of a job that ended well."""

from __future__ import annotations

from typing import NoReturn

from riverrun.common.job_id import JobID
from riverrun.exceptions import NotSupported

__all__ = ["JobExecutionResult"]


class JobExecutionResult:
    """What is known of a job that ended well."""

    def __init__(self, job_id: JobID, runtime_millis: int):
        self._job_id, self._runtime_millis = job_id, runtime_millis

    def get_job_id(self) -> JobID:
        return self._job_id

    def get_net_runtime(self) -> int:
        """From submission to the end, in milliseconds."""
        return self._runtime_millis

    def get_accumulator_result(self, accumulator_name: str) -> NoReturn:
        raise NotSupported("there are no accumulators; count with a metric, or emit what you have counted")

    def get_all_accumulator_results(self) -> dict:
        raise NotSupported("there are no accumulators; count with a metric, or emit what you have counted")

    def __repr__(self):
        return f"JobExecutionResult({self._job_id}, {self._runtime_millis} ms)"
