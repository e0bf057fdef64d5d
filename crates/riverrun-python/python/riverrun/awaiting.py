"""Results of the native side on an asyncio loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

# Which closes the gate for what this begins when the interpreter ends.
from riverrun import ending as ending

if TYPE_CHECKING:
    from riverrun import _native

__all__: list[str] = []


async def result_of(begin: Callable[[Callable[[Any, BaseException | None], None]], _native.Task]) -> Any:
    """Waits for what `begin` begins, on whatever loop runs; it is given up when the waiting task is cancelled."""
    # Here, since it takes longer to import than all the rest.
    import asyncio

    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        elif isinstance(error, StopIteration):
            # A future refuses it, since it would end the generator that waits.
            wrapped = RuntimeError("the computation raised StopIteration")
            wrapped.__cause__ = error
            future.set_exception(wrapped)
        else:
            future.set_exception(error)

    def on_done(result: Any, error: BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            pass

    task = begin(on_done)
    try:
        return await future
    except asyncio.CancelledError:
        task.cancel()
        raise
