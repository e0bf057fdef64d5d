"""What all runners of models of the store have in common."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Iterable, Mapping

from riverrun.exceptions import UnknownMethod
from riverrun.runner import RunnerMethod
from riverrun.tag import Tag

if TYPE_CHECKING:
    from riverrun.models import Model

__all__ = ["StoredRunner"]


class StoredRunner:
    """A runner of a model of the store: `model.to_runner()` makes one of the kind that the model is for."""

    def __init__(
        self, model: Model | str, name: str | None, batching: dict[str, Any], bound: tuple[Any, ...] | None = None
    ) -> None:
        # Where it has travelled to it has the exact tag alone, and looks the model up when it is used first.
        self._tag = model if isinstance(model, str) else str(model.tag)
        self._model = None if isinstance(model, str) else model
        self.name = name or self._tag
        self._batching = batching
        self._bound = bound
        self._making = threading.Lock()
        self._made = None if isinstance(model, str) else self._make()
        self.predict = RunnerMethod(self, "predict", self.run, self.async_run)

    def _make(self) -> Any:
        """The native runner."""
        raise NotImplementedError

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Computes and waits for the result."""
        raise NotImplementedError

    async def async_run(self, *args: Any, **kwargs: Any) -> Any:
        """As `run`, without blocking the event loop. It is not computed any more once the task is cancelled."""
        raise NotImplementedError

    def _gives_tensors(self) -> bool:
        """Whether results come from the native side as tensors."""
        return False

    def _packed(self, item: Any) -> Any:
        """One item of a stream as the native side takes it."""
        raise NotImplementedError

    def _unpacked(self, *results: Any) -> Any:
        """The result of one item of a stream."""
        raise NotImplementedError

    @property
    def _native(self) -> Any:
        if self._made is None:
            with self._making:
                if self._made is None:
                    native = self._make()
                    if self._bound == ("local",):
                        native.init_local()
                    elif self._bound:
                        native.init_client(*self._bound[1:])
                    self._made = native
        return self._made

    @property
    def model(self) -> Model:
        """The model that it runs.

        Raises:
            NotFound: It came from another process, and the store of this one does not have the model.
        """
        if self._model is None:
            from riverrun import models

            self._model = models.get(self._tag)
        return self._model

    @property
    def tag(self) -> Tag:
        """The model's exact tag."""
        return Tag.from_str(self._tag)

    @property
    def is_initialised(self) -> bool:
        """Whether it can be run."""
        return self._bound is not None

    def init_local(self, quiet: bool = False) -> None:
        """Loads the model into this process, once however many runners there are of it.

        Args:
            quiet: Has no effect: there is nothing to warn of. BentoML has it.

        Raises:
            StateError: It is initialised already, or the process was forked from one that computes.
            ModelError: The model cannot be loaded.
        """
        try:
            self._native.init_local()
        except BaseException:
            if self._bound is None:
                # A load that Ctrl-C has cut short goes on behind; the next one begins with a runner that it has no part in.
                self._made = None
            raise
        self._bound = ("local",)

    def init_client(
        self,
        url: str | Iterable[str],
        *,
        protocol: str | None = None,
        model: str | None = None,
        argument: str | None = None,
        lazy: bool = False,
        timeout: float | None = None,
        attempt_timeout: float | None = None,
        connect_timeout: float | None = None,
        bearer_token: str | None = None,
        headers: Mapping[str, str] | None = None,
        root_certificates: str | None = None,
    ) -> None:
        """Binds it to a service that has the model. Its protocol is found out by asking.

        Args:
            url: `http://host:port`, `https://host/route`, `unix:/path/to.sock`, or several of them that serve the same.
            protocol: `"riverrun"`, `"kserve"`, `"bentoml"` or `"plain"`, instead of asking.
            model: The model's name there; the runner's tag if absent.
            argument: The argument of a BentoML API that takes the texts, where it has several.
            lazy: Whether the service may come up later.
            timeout: Seconds that a batch may take, with all attempts; 30 if absent.
            attempt_timeout: Seconds of one attempt.
            connect_timeout: Seconds that a connection may take; 3 if absent.
            bearer_token: Sent with every request.
            headers: Sent with every request.
            root_certificates: A file (PEM) with certificates to trust.

        Raises:
            StateError: It is initialised already.
            RemoteError: No service answers, or it is not clear what to call there.
            BadInput: A URL or an option cannot be.
        """
        urls = [url] if isinstance(url, str) else list(url)
        options = {
            "protocol": protocol,
            "model": model,
            "argument": argument,
            "lazy": lazy,
            "timeout": timeout,
            "attempt_timeout": attempt_timeout,
            "connect_timeout": connect_timeout,
            "bearer_token": bearer_token,
            "headers": None if headers is None else list(headers.items()),
            "root_certificates": root_certificates,
        }
        self._native.init_client(urls, options)
        self._bound = ("client", urls, options)

    def info(self) -> dict[str, Any] | None:
        """What was agreed on with the service: `protocol`, `endpoints`, `route`, `model`, `methods`. `None` without one."""
        return self._native.info()

    def stats(self) -> dict[str, Any]:
        """What was computed so far: `batches`, `items`, `failed_items`, `truncated` (texts longer than the model reads), and more."""
        return self._native.stats()

    def destroy(self) -> None:
        """Lets go of the model, which is released with the last runner of it in this process; it may be initialised again."""
        self._bound = None
        self._made = None

    def warm_up(self) -> None:
        """Computes something, so that the first request finds everything in place."""
        self._native.warm_up()

    def __getattr__(self, name: str) -> RunnerMethod:
        if name.startswith("_") or name == "predict":
            raise AttributeError(name)
        raise UnknownMethod(f"runner `{self.name}` has no method `{name}`; it has `predict`")

    def __repr__(self) -> str:
        state = self._bound[0] if self._bound else "not initialised"
        return f"{type(self).__name__}({self.name!r}, {state})"
