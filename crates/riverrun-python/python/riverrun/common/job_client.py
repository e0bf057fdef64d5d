"""A job that runs, as the program that started it sees it."""

from __future__ import annotations

from riverrun.common.completable_future import CompletableFuture
from riverrun.common.job_execution_result import JobExecutionResult
from riverrun.common.job_id import JobID
from riverrun.common.job_status import JobStatus
from riverrun.exceptions import NotSupported

__all__ = ["JobClient"]


class JobClient:
    """A job that was started with `StreamExecutionEnvironment.execute_async`."""

    def __init__(self, native):
        self._native = native

    def get_job_id(self) -> JobID:
        return JobID(self._native.id())

    def get_job_status(self) -> CompletableFuture:
        return CompletableFuture(lambda: JobStatus[self._native.status()])

    def cancel(self) -> CompletableFuture:
        """Stops the job. The future is done when everything has stopped."""
        self._native.cancel()
        return CompletableFuture(self._wait_for_end, self._native.is_ended)

    def _wait_for_end(self):
        try:
            self._native.wait()
        except Exception:
            if not self._native.is_ended():
                raise

    def stop_with_savepoint(
        self, advance_to_end_of_event_time: bool, savepoint_directory: str | None = None
    ) -> CompletableFuture:
        raise NotSupported("savepoints are not supported on the local host yet; `cancel` stops the job")

    def trigger_savepoint(self, savepoint_directory: str | None = None) -> CompletableFuture:
        raise NotSupported("savepoints are not supported on the local host yet")

    def get_accumulators(self) -> CompletableFuture:
        raise NotSupported("there are no accumulators; count with a metric, or emit what you have counted")

    def get_job_execution_result(self) -> CompletableFuture:
        """The end of the job."""
        return CompletableFuture(
            lambda: JobExecutionResult(self.get_job_id(), self._native.wait()), self._native.is_ended
        )

    def metrics(self) -> str:
        """The metrics of every operator, as a table."""
        return self._native.metrics()

    def __repr__(self):
        return f"JobClient({self._native.name()!r}, {self._native.status()})"
