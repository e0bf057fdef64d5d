"""What a function may know of its request, and say of its answer, beside the input and the output."""

from __future__ import annotations

from functools import cached_property
from http.cookies import SimpleCookie
from typing import Any, Iterable, Iterator, MutableMapping

from riverrun.exceptions import BadInput

__all__ = ["Context", "Headers", "RequestContext", "ResponseContext"]


class Headers(MutableMapping[str, str]):
    """Headers by their names, whose case does not matter. `headers[name]` is the first of that name.

    >>> headers = Headers([("X-User", "ada")])
    >>> headers["x-user"]
    'ada'
    """

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items = [(name.lower(), value) for name, value in items]

    def getlist(self, key: str) -> list[str]:
        """The values of all headers of this name."""
        return [value for name, value in self._items if name == key.lower()]

    def append(self, key: str, value: str) -> None:
        """Adds a header and keeps those of its name."""
        self._items.append((key.lower(), value))

    def multi_items(self) -> list[tuple[str, str]]:
        """All headers, in their order."""
        return list(self._items)

    def __getitem__(self, key: str) -> str:
        for name, value in self._items:
            if name == key.lower():
                return value
        raise KeyError(key)

    def __setitem__(self, key: str, value: str) -> None:
        if key in self:
            del self[key]
        self.append(key, value)

    def __delitem__(self, key: str) -> None:
        left = [item for item in self._items if item[0] != key.lower()]
        if len(left) == len(self._items):
            raise KeyError(key)
        self._items = left

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._items))

    def __len__(self) -> int:
        return len(dict(self._items))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and any(name == key.lower() for name, _ in self._items)

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"


class RequestContext:
    """The request: `headers`, `query_params`, and `request_id`, which the logs call it."""

    def __init__(self, headers: list[tuple[str, str]], query: str, request_id: str) -> None:
        self.headers = Headers(headers)
        self.request_id = request_id
        self._query = query

    @property
    def metadata(self) -> Headers:
        """The headers, as BentoML calls them, too."""
        return self.headers

    @cached_property
    def query_params(self) -> dict[str, str]:
        """What is behind the question mark; the last one of each name."""
        from urllib.parse import parse_qsl

        return dict(parse_qsl(self._query, keep_blank_values=True))


class ResponseContext:
    """The answer: its `status_code` and `headers`, which may be changed."""

    def __init__(self) -> None:
        self.status_code = 200
        self.headers = Headers()
        self.cookies: list[str] = []

    @property
    def metadata(self) -> Headers:
        """The headers, as BentoML calls them, too."""
        return self.headers

    def set_cookie(
        self,
        key: str,
        value: str,
        max_age: int | None = None,
        expires: int | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = "lax",
    ) -> None:
        """Sends a cookie along.

        Args:
            key: Its name.
            value: What it holds.
            max_age: Seconds that it is kept.
            expires: Seconds from now on that it is kept, for old browsers.
            path: The paths that it is for.
            domain: The domain that it is for; this one alone if absent.
            secure: Whether it is sent over TLS only.
            httponly: Whether scripts cannot read it.
            samesite: `"lax"`, `"strict"` or `"none"`.

        Raises:
            BadInput: The name or `samesite` cannot be.
        """
        if samesite is not None and samesite.lower() not in ("lax", "strict", "none"):
            raise BadInput(f"samesite is 'lax', 'strict' or 'none', not {samesite!r}")
        cookie: SimpleCookie = SimpleCookie()
        try:
            cookie[key] = value
        except Exception as error:
            raise BadInput(f"{key!r} cannot be the name of a cookie: {error}") from error
        given = {
            "max-age": max_age,
            "expires": expires,
            "path": path,
            "domain": domain,
            "secure": secure,
            "httponly": httponly,
            "samesite": samesite,
        }
        for name, attribute in given.items():
            if attribute is not None and attribute is not False:
                cookie[key][name] = attribute
        self.cookies.append(cookie[key].OutputString())

    def _all_headers(self) -> list[tuple[str, str]]:
        return self.headers.multi_items() + [("set-cookie", cookie) for cookie in self.cookies]


class Context:
    """What a function gets that has a second parameter for it (named `ctx` or `context`, or annotated).

    `request` and `response` are those of one call; `state` is one dictionary of the whole service, which hooks can fill.
    """

    def __init__(self, request: RequestContext | None = None, state: dict[str, Any] | None = None) -> None:
        self.request = request
        self.response = ResponseContext()
        self.state: dict[str, Any] = {} if state is None else state


