"""`RunningService`: a service that takes requests."""

from __future__ import annotations

import atexit
import inspect
import os
import threading
import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Callable

from riverrun import _native
from riverrun.exceptions import BadInput, BadInputType, StateError
from riverrun.service.threads import Coroutines, Functions

if TYPE_CHECKING:
    from riverrun.service.api import InferenceAPI
    from riverrun.service.service import Service

__all__ = ["RunningService"]

_DEFAULT_PORT = 3000

# Seconds that a function which has been given up has to return.
_PATIENCE = 1.0

_RUNNING: weakref.WeakSet[RunningService] = weakref.WeakSet()
# A forked process has none of the threads.
os.register_at_fork(after_in_child=_RUNNING.clear)


class RunningService:
    """A service that was started. It takes requests until `stop()`, the end of its `with` block, or the end of the program."""

    def __init__(self, service: Service, host: str, port: int | None, threads: int, options: dict[str, Any]) -> None:
        apis = list(service.apis.values())
        if not apis:
            raise BadInput(f"service `{service.name}` has no APIs; put `@{service.name}.api(…)` before a function")
        if not isinstance(threads, int) or threads < 1:
            raise BadInputType(f"threads is a number from 1 on, not {threads!r}")
        if port is None and options["unix_socket"] is None:
            port = _DEFAULT_PORT
        self.service = service
        self._stopping = threading.Lock()
        self._summary: str | None = None
        with ExitStack() as undo:
            self._start(undo, apis, host, port, threads, options)
            # What ends it, the last first.
            self._undo = undo.pop_all()
        _RUNNING.add(self)

    def _start(
        self,
        undo: ExitStack,
        apis: list[InferenceAPI],
        host: str,
        port: int | None,
        threads: int,
        options: dict[str, Any],
    ) -> None:
        service = self.service
        state = service.context.state
        functions = Functions(lambda request: apis[request.endpoint].answer(request, state))
        self._coroutines = Coroutines(lambda request: apis[request.endpoint].answer_async(request, state))
        described = [api.described() for api in apis]
        # First, so that what is wrong with the options, or the port, is said before models are loaded.
        server = _native.ServiceServer(
            service.name, host, port, described, functions.lane, self._coroutines.lane, options
        )
        self.addresses: list[str] = server.addresses
        undo.callback(server.shutdown)
        for runner in service.runners:
            if not runner.is_initialised:
                runner.init_local()
                undo.callback(runner.destroy)
        self._coroutines.start()
        undo.callback(self._coroutines.close, _PATIENCE)
        for hook in service._deployment_hooks:
            self._call(hook)
        for hook in service._startup_hooks:
            self._call(hook, service.context)
        for hook in reversed(service._shutdown_hooks):
            undo.callback(self._call, hook, service.context)
        functions.start(threads)
        undo.callback(functions.close, _PATIENCE)
        server.start()
        undo.callback(self._drain, server)

    @property
    def url(self) -> str:
        """Where it listens: `"http://127.0.0.1:3000"`.

        Raises:
            StateError: It has ended.
        """
        if not self.addresses:
            raise StateError(f"service `{self.service.name}` has ended; `start()` gives another")
        return self.addresses[0]

    def stop(self) -> str | None:
        """Takes no more requests, answers those it has, and ends; once more does nothing.

        Returns:
            What became of the requests, in words; `None` if it had ended before.

        Raises:
            Exception: What a hook of `on_shutdown` raised, when all else has ended.
        """
        # One thread ends it; another that wants that too waits until it has.
        with self._stopping:
            _RUNNING.discard(self)
            self._summary = None
            self._undo.close()
            return self._summary

    def _drain(self, server: _native.ServiceServer) -> None:
        self._summary = server.shutdown()
        self.addresses = []

    def _call(self, hook: Callable[..., Any], *arguments: Any) -> None:
        result = hook(*arguments)
        if inspect.isawaitable(result):
            self._coroutines.call(_awaited(result))

    def __enter__(self) -> RunningService:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = ", ".join(self.addresses) or "ended"
        return f"RunningService({self.service.name!r}, {state})"


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


@atexit.register
def _stop_all() -> None:
    # While threads may still take the interpreter.
    with ExitStack() as stack:
        for running in list(_RUNNING):
            stack.callback(running.stop)
