"""A function at a route."""

from __future__ import annotations

import inspect
import json
import logging
from typing import Any, Callable

from riverrun import _native
from riverrun.exceptions import BadInput, BadInputType, NotSupported, RiverrunError
from riverrun.io.base import Body, IODescriptor
from riverrun.io.multipart import Multipart
from riverrun.service.context import Context, RequestContext

__all__ = ["InferenceAPI"]

_LOG = logging.getLogger("riverrun.service")


class InferenceAPI:
    """A function of a service, with how its input is read and its output written."""

    def __init__(
        self,
        func: Callable[..., Any],
        input: IODescriptor[Any],
        output: IODescriptor[Any],
        name: str | None,
        doc: str | None,
        route: str | None,
    ) -> None:
        if not callable(func):
            raise BadInputType(f"`api` is for functions, not {func!r}")
        self.name = getattr(func, "__name__", "") if name is None else name
        if not self.name.isidentifier():
            raise BadInput(f"{self.name!r} cannot be the name of an API; give `name` letters, digits and `_`")
        for which, descriptor in (("input", input), ("output", output)):
            if not isinstance(descriptor, IODescriptor):
                raise BadInputType(f"{which} of `{self.name}` is a descriptor such as Text(), not {descriptor!r}")
        call = func if inspect.isroutine(func) else getattr(func, "__call__", func)
        if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
            raise NotSupported(f"`{self.name}` is a generator, whose answer would be streamed, which services do not do yet")
        self.is_async = inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(call)
        self.func = func
        self.input = input
        self.output = output
        self.doc = inspect.getdoc(func) or "" if doc is None else doc
        path = self.name if route is None else route
        self.route = path if path.startswith("/") else f"/{path}"
        self._context_parameter = self._parameters()

    def _parameters(self) -> str | None:
        """The parameter for the context.

        Raises:
            BadInput: The function cannot be called with the input.
        """
        parameters = list(inspect.signature(self.func).parameters.values())
        context = [one.name for one in parameters if one.name in ("ctx", "context") or _is_context(one.annotation)]
        inputs = [one.name for one in parameters if one.name not in context]
        if len(context) > 1:
            raise BadInput(f"`{self.name}` has the context as two parameters: {', '.join(context)}")
        if isinstance(self.input, Multipart):
            if sorted(inputs) != sorted(self.input.names):
                wanted, found = ", ".join(self.input.names), ", ".join(inputs)
                raise BadInput(f"`{self.name}` takes a parameter for each part ({wanted}), not ({found})")
        elif len(inputs) != 1:
            raise BadInput(
                f"`{self.name}` takes one parameter for the input, and one named `ctx` for the context if it wants that; "
                f"it has {len(inputs)} that could be the input"
            )
        return context[0] if context else None

    def described(self) -> dict[str, Any]:
        """What the server is told."""
        summary, _, description = self.doc.strip().partition("\n")
        return {
            "route": self.route,
            "is_async": self.is_async,
            "summary": summary.strip() or self.name,
            "description": description.strip(),
            "input": json.dumps(self.input.openapi_content(True)),
            "output": json.dumps(self.output.openapi_content(False)),
        }

    def answer(self, request: _native.ServiceRequest, state: dict[str, Any]) -> None:
        """Calls the function and answers, whatever becomes of it."""
        try:
            context, arguments, named = self._read(request, state)
            self._write(request, context, self.func(*arguments, **named))
        except BaseException as error:
            self._fail(request, error)

    async def answer_async(self, request: _native.ServiceRequest, state: dict[str, Any]) -> None:
        """As `answer`, for a coroutine function."""
        try:
            context, arguments, named = self._read(request, state)
            self._write(request, context, await self.func(*arguments, **named))
        except BaseException as error:
            self._fail(request, error)

    def _read(
        self, request: _native.ServiceRequest, state: dict[str, Any]
    ) -> tuple[Context, tuple[Any, ...], dict[str, Any]]:
        headers = request.headers
        content_type = next((value for name, value in headers if name == "content-type"), "")
        value = self.input.read(Body(request.body, content_type))
        context = Context(RequestContext(headers, request.query, request.id), state)
        named = {} if self._context_parameter is None else {self._context_parameter: context}
        if isinstance(self.input, Multipart):
            return context, (), value | named
        return context, (value,), named

    def _write(self, request: _native.ServiceRequest, context: Context, value: Any) -> None:
        try:
            body = self.output.write(value)
            headers = context.response._all_headers()
            if body.content_type and "content-type" not in context.response.headers:
                headers.append(("content-type", body.content_type))
            request.answer(int(context.response.status_code), [*headers, *body.headers], body.content)
        except Exception as error:
            raise _Unwritable(f"`{self.name}` returned what cannot be sent as its answer: {error}") from error

    def _fail(self, request: _native.ServiceRequest, error: BaseException) -> None:
        if request.is_abandoned:
            return
        status = int(error.error_code) if isinstance(error, RiverrunError) else 500
        if 400 <= status < 500:
            request.refuse(status, _words(error))
            return
        _LOG.error("request %s: `%s` at %s failed", request.id, self.name, self.route, exc_info=error)
        if not 500 < status < 600:
            request.fail(f"`{self.name}` raised {type(error).__name__}: {_words(error)}")
        elif type(error).__module__ == RiverrunError.__module__:
            # Its words are for who runs the service: they may name hosts.
            request.refuse(status, "what the service needs for an answer gave none; try again later")
        else:
            request.refuse(status, _words(error))

    def __repr__(self) -> str:
        return f"InferenceAPI({self.route!r}, {self.input!r} → {self.output!r})"


class _Unwritable(Exception):
    """An output that its descriptor cannot write: the fault is the function's, whatever was raised."""


def _words(error: BaseException) -> str:
    """What it says, without the halves of characters that a message may not have."""
    return str(error).encode("utf-8", "replace").decode()


def _is_context(annotation: Any) -> bool:
    return annotation is Context or (isinstance(annotation, str) and annotation.rpartition(".")[2] == "Context")
