"""What is known later."""

from __future__ import annotations

from typing import Any
from collections.abc import Callable

__all__ = ["CompletableFuture"]


class CompletableFuture:
    """A result that is there, or that `result` waits for. It can be awaited too."""

    def __init__(self, wait: Callable[[], object], is_done: Callable[[], bool] = lambda: True):
        self._wait, self._is_done = wait, is_done
        self._is_cancelled = False

    def cancel(self) -> bool:
        """Gives up waiting, if it is not there yet."""
        if self._is_done():
            return False
        self._is_cancelled = True
        return True

    def cancelled(self) -> bool:
        return self._is_cancelled

    def done(self) -> bool:
        return self._is_cancelled or self._is_done()

    def result(self) -> Any:
        """Waits for it."""
        if self._is_cancelled:
            from concurrent.futures import CancelledError

            raise CancelledError("the future was cancelled")
        return self._wait()

    def exception(self) -> BaseException | None:
        """Waits for it; what `result` raises."""
        try:
            self.result()
        except Exception as error:
            return error
        return None

    def __await__(self):
        import asyncio

        return asyncio.get_running_loop().run_in_executor(None, self.result).__await__()
