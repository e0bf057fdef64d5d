"""Async functions: their coroutines run on an event loop in a thread of the subtask's own."""

from __future__ import annotations

import asyncio
import threading

from riverrun.datastream._calls import opened


class _Call:
    """A call under way, which can be cancelled from any thread."""

    __slots__ = ("_is_cancelled", "_loop", "_task")

    def __init__(self, loop):
        self._loop, self._task, self._is_cancelled = loop, None, False

    def begin(self, coroutine):
        if self._is_cancelled:
            coroutine.close()
            return
        self._task = self._loop.create_task(coroutine)

    def cancel(self):
        def cancel():
            self._is_cancelled = True
            if self._task is not None:
                self._task.cancel()

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(cancel)


class AsyncCalls:
    """An async function, with the strategy by which its calls are made again."""

    def __init__(self, function, strategy=None):
        self._function, self._strategy = function, strategy

    def open(self, native):
        function, close = opened(self._function, native)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop,), name="riverrun-async", daemon=True)
        thread.start()
        attempts = _attempts(function.async_invoke, self._strategy)

        async def report(value, done):
            try:
                results = await attempts(value)
            except asyncio.CancelledError as error:
                done(None, error)
                raise
            except BaseException as error:
                done(None, error)
            else:
                done(results)

        def start(value, done):
            call = _Call(loop)
            loop.call_soon_threadsafe(lambda: call.begin(report(value, done)))
            return call

        def stop():
            try:
                if close is not None:
                    close()
            finally:
                loop.call_soon_threadsafe(loop.stop)

        return (stop, start, function.timeout)


def _run(loop):
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _attempts(invoke, strategy):
    """The call, made again as the strategy says."""
    if strategy is None:
        return invoke
    predicate = strategy.get_retry_predicate()
    if_result, if_exception = predicate.result_predicate(), predicate.exception_predicate()

    async def attempts(value):
        attempt = 1
        while True:
            try:
                results = await invoke(value)
            except Exception as error:
                if if_exception is None or not if_exception(error) or not strategy.can_retry(attempt):
                    raise
            else:
                if if_result is None or not if_result(results) or not strategy.can_retry(attempt):
                    return results
            await asyncio.sleep(strategy.get_backoff_time_millis(attempt) / 1000)
            attempt += 1

    return attempts
