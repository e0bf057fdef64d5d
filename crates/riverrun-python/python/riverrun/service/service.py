"""`Service`: functions at routes, and the runners that they call."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable, TypeVar

from riverrun import _native
from riverrun.exceptions import BadInput, BadInputType, NotSupported
from riverrun.io.base import IODescriptor
from riverrun.models import Model
from riverrun.runner import Runner
from riverrun.stored_runner import StoredRunner
from riverrun.service.api import InferenceAPI
from riverrun.service.context import Context
from riverrun.service.running import RunningService

__all__ = ["Service"]

F = TypeVar("F", bound=Callable[..., Any])

_BENTOML_ALSO_HAS = {
    "add_asgi_middleware": "put a proxy in front of the service",
    "add_grpc_interceptor": "functions are called over HTTP; models that `riverrun serve` serves have gRPC",
    "asgi_app": "the server is in Rust; start it with `start()`",
    "mount_asgi_app": "run the application beside the service",
    "mount_grpc_servicer": "functions are called over HTTP; models that `riverrun serve` serves have gRPC",
    "mount_wsgi_app": "run the application beside the service",
}


class Service:
    """Functions that answer requests.

    The functions are called by threads, coroutine functions on an event loop of their own. The server itself is in Rust and waits
    for neither: whatever Python does, it answers health checks, holds bodies and time-outs to their limits, and writes metrics.

    Args:
        name: Its name, in metrics and documentation.
        runners: What the functions call. Those that are not initialised are when the service starts, by `init_local()`, and are
            let go when it ends.
        models: Models that the functions use, to be found by tools. Nothing is done with them.

    Raises:
        BadInput: The name cannot be, or two runners have the same.
    """

    def __init__(
        self,
        name: str,
        *,
        runners: Iterable[StoredRunner | Runner] | None = None,
        models: Iterable[Model] | None = None,
    ) -> None:
        if not isinstance(name, str):
            raise BadInputType(f"name is a text, not {name!r}")
        self.name, version = _native.parse_tag(name.lower())
        if version is not None:
            raise BadInput(f"a service has no version: leave `:{version}` out of its name")
        self.runners = list(runners or [])
        self.models = list(models or [])
        self.apis: dict[str, InferenceAPI] = {}
        self.context = Context()
        self._startup_hooks: list[Callable[..., Any]] = []
        self._shutdown_hooks: list[Callable[..., Any]] = []
        self._deployment_hooks: list[Callable[..., Any]] = []
        names = set()
        for runner in self.runners:
            if not isinstance(runner, (StoredRunner, Runner)):
                raise BadInputType(f"runners has {runner!r}, which is no runner; make one with `to_runner()`")
            if runner.name in names:
                raise BadInput(f"runners has two of the name `{runner.name}`; give one another with `to_runner(name)`")
            names.add(runner.name)

    def api(
        self,
        input: IODescriptor[Any],
        output: IODescriptor[Any],
        name: str | None = None,
        doc: str | None = None,
        route: str | None = None,
    ) -> Callable[[F], F]:
        """Has a function answer `POST` at a route.

        The function takes the input, or with `Multipart` a parameter for each part, and the `Context` if it has a parameter named
        `ctx`. It may be a coroutine function, which is cancelled when the caller goes away.

        What it raises becomes an answer: an exception of `riverrun.exceptions` that of its `error_code` (`BadInput` 400, `NotFound`
        404, `QueueFull` 429, …) with its message; any other 500 with a message that says nothing, and the traceback in the log.

        Args:
            input: How the body is read: `Text()`, `JSON()`, … of `riverrun.io`.
            output: How what the function returns is written.
            name: The API's name; the function's if absent.
            doc: What it does, for the documentation; the function's docstring if absent.
            route: Where; `/name` if absent.

        Raises:
            BadInput: There is an API of this name or route, or the function's parameters do not fit.
            NotSupported: The function is a generator.
        """

        def decorate(func: F) -> F:
            api = InferenceAPI(func, input, output, name, doc, route)
            if api.name in self.apis:
                raise BadInput(f"service `{self.name}` has an API `{api.name}` already; give one another `name`")
            for other in self.apis.values():
                if other.route == api.route:
                    raise BadInput(f"`{other.name}` and `{api.name}` are both at {api.route}; give one another `route`")
            self.apis[api.name] = api
            return func

        return decorate

    def on_startup(self, func: F) -> F:
        """Has a function, or a coroutine function, called with the service's `Context` before it takes requests."""
        self._startup_hooks.append(func)
        return func

    def on_shutdown(self, func: F) -> F:
        """Has a function, or a coroutine function, called with the service's `Context` when the last request is answered."""
        self._shutdown_hooks.append(func)
        return func

    def on_deployment(self, func: F) -> F:
        """Has a function, or a coroutine function, called without arguments before those of `on_startup`."""
        self._deployment_hooks.append(func)
        return func

    def start(
        self,
        host: str = "127.0.0.1",
        port: int | None = None,
        *,
        unix_socket: str | os.PathLike[str] | None = None,
        tls_cert: str | os.PathLike[str] | None = None,
        tls_key: str | os.PathLike[str] | None = None,
        tokens: Iterable[str] | None = None,
        cors: Iterable[str] | None = None,
        access_log: bool = False,
        timeout: float | None = None,
        max_body: int | None = None,
        max_connections: int | None = None,
        max_concurrency: int | None = None,
        keep_alive: float | None = None,
        drain_timeout: float | None = None,
        threads: int = 40,
    ) -> RunningService:
        """Starts it beside the calling program, and gives what ends it again: a context manager.

        Args:
            host: The address to listen on; `"0.0.0.0"` for all.
            port: The TCP port; 0 takes a free one. 3000 if absent, or none where there is a `unix_socket`.
            unix_socket: A Unix socket to listen on.
            tls_cert: Serve TLS with this certificate chain (PEM).
            tls_key: The certificate's private key (PEM).
            tokens: Let in only who sends one of these bearer tokens.
            cors: Let pages of these origins call the service; `"*"` for all.
            access_log: Write a JSON line for each request to standard error.
            timeout: Seconds that a request may take; then 504.
            max_body: The largest body, in bytes; beyond it 413.
            max_connections: The most connections at a time.
            max_concurrency: The most requests that functions have or that wait for them, 1,024 if absent; beyond it 429.
            keep_alive: Seconds that a connection may be idle.
            drain_timeout: Seconds that requests under way have when it ends; 30 if absent.
            threads: How many calls of functions run at a time. Coroutine functions are without limit.

        Raises:
            StateError: The address is taken, or the process was forked from one that computes.
            BadInput: An option or a route cannot be, or the service has no APIs.
        """
        return RunningService(
            self,
            host,
            port,
            threads,
            {
                "unix_socket": unix_socket,
                "tls_cert": tls_cert,
                "tls_key": tls_key,
                "tokens": None if tokens is None else list(tokens),
                "cors": None if cors is None else list(cors),
                "access_log": access_log,
                "timeout": timeout,
                "max_body": max_body,
                "max_connections": max_connections,
                "max_concurrency": max_concurrency,
                "keep_alive": keep_alive,
                "drain_timeout": drain_timeout,
            },
        )

    def __getattr__(self, name: str) -> Any:
        if name in _BENTOML_ALSO_HAS:
            raise NotSupported(f"a service has no `{name}`, which BentoML's has; {_BENTOML_ALSO_HAS[name]}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"Service({self.name!r}, apis={[api.route for api in self.apis.values()]})"
