"""The threads that call a service's functions."""

from __future__ import annotations

import logging
import threading
from typing import Any, Awaitable, Callable

from riverrun import _native

__all__ = ["Coroutines", "Functions"]

_LOG = logging.getLogger("riverrun.service")


class Functions:
    """Threads that take requests from a lane and call `answer` with each."""

    def __init__(self, answer: Callable[[_native.ServiceRequest], None]) -> None:
        self.lane = _native.Lane()
        self._answer = answer
        self._threads: list[threading.Thread] = []

    def start(self, threads: int) -> None:
        """Starts them."""
        self._threads = [
            threading.Thread(target=self._run, name=f"riverrun-function-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while (request := self.lane.take()) is not None:
            try:
                self._answer(request)
            except BaseException:
                _LOG.exception("request %s could not be answered", request.id)
            # Its body is not kept until the next one comes.
            del request

    def close(self, patience: float) -> None:
        """Ends them. One whose function does not return is left to end with the process."""
        self.lane.close()
        for thread in self._threads:
            thread.join(patience)
            if thread.is_alive():
                patience = 0


class Coroutines:
    """An event loop on a thread of its own, with a task for each request."""

    def __init__(self, answer: Callable[[_native.ServiceRequest], Awaitable[None]]) -> None:
        self.lane = _native.Lane()
        self._answer = answer
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._thread = threading.Thread(target=self._run, name="riverrun-coroutines", daemon=True)
        self._receiver = threading.Thread(target=self._receive, name="riverrun-receiver", daemon=True)

    def start(self) -> None:
        """Starts the threads."""
        import asyncio

        self._loop = asyncio.new_event_loop()
        self._thread.start()
        self._receiver.start()

    def _run(self) -> None:
        import asyncio

        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _receive(self) -> None:
        while (mail := self.lane.take()) is not None:
            self._loop.call_soon_threadsafe(self._received, mail)

    def _received(self, mail: _native.ServiceRequest | int) -> None:
        if isinstance(mail, int):
            # Nobody waits for it any more.
            if mail in self._tasks:
                self._tasks[mail].cancel()
            return
        number = mail.number
        task = self._loop.create_task(self._answer(mail))  # type: ignore[arg-type]
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    def call(self, coroutine: Any) -> Any:
        """Runs it on the loop and waits for what it gives."""
        import asyncio

        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self, patience: float) -> None:
        """Cancels what still runs, and ends the loop."""
        import asyncio
        import concurrent.futures

        self.lane.close()
        self._receiver.join(patience)

        async def cancel() -> None:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=patience)
            await self._loop.shutdown_asyncgens()

        try:
            asyncio.run_coroutine_threadsafe(cancel(), self._loop).result(2 * patience)
        except concurrent.futures.TimeoutError:
            # A coroutine blocks the loop: it ends with the process.
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(patience)
        if not self._thread.is_alive():
            self._loop.close()
