"""Runners: units of computation, and where they run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping

from riverrun import _native, awaiting, batches, conventions
from riverrun.exceptions import BadInput, BadInputType, NotSupported, StateError, UnknownMethod
from riverrun.runnable import MethodConfig, methods_of
from riverrun.tag import Tag

if TYPE_CHECKING:
    from riverrun.models import Model

__all__ = ["ModelRunner", "Runner", "RunnerMethod"]


class RunnerMethod:
    """A method of a runner: `runner.predict.run(…)`."""

    __slots__ = ("_async_run", "_run", "name", "runner")

    def __init__(self, runner: Any, name: str, run: Callable[..., Any], async_run: Callable[..., Any]) -> None:
        self.runner = runner
        self.name = name
        self._run = run
        self._async_run = async_run

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Computes and waits for the result."""
        return self._run(*args, **kwargs)

    async def async_run(self, *args: Any, **kwargs: Any) -> Any:
        """Computes without blocking the event loop."""
        return await self._async_run(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<method {self.name!r} of {self.runner!r}>"


class ModelRunner:
    """A runner of a model of the store: `model.to_runner()`.

    It is called as the pipeline of `transformers` for the model's task is, and gives what that gives.

    >>> import riverrun
    >>> runner = riverrun.models.get("tweet-sentiment").to_runner()
    >>> runner.init_local()
    >>> runner.run("What a lovely day")[0]["label"]
    'positive'
    >>> [best["label"] for best in runner.run(["What a lovely day", "This is awful"])]
    ['positive', 'negative']
    """

    def __init__(
        self,
        model: Model | str,
        name: str | None,
        top_k: int | str | None,
        task: dict[str, Any],
        batching: dict[str, Any],
        bound: tuple[Any, ...] | None = None,
    ) -> None:
        # Where it has travelled to it has the exact tag alone, and looks the model up when it is used first.
        self._tag = model if isinstance(model, str) else str(model.tag)
        self._model = None if isinstance(model, str) else model
        self.name = name or self._tag
        self._task = task
        self._batching = batching
        self._top_k = top_k
        self._bound = bound
        self._making = threading.Lock()
        self._made = None if isinstance(model, str) else self._make()
        self._output = conventions.Output(None if top_k in (None, "all") else int(top_k), top_k == 1, None)  # type: ignore[arg-type]
        self.predict = RunnerMethod(self, "predict", self.run, self.async_run)

    def _make(self) -> _native.TextClassificationRunner:
        asked = "all" if self._top_k is None else self._top_k
        return self.model._native.to_runner({**self._task, "top_k": None if asked == 1 else asked}, self._batching)

    @property
    def _native(self) -> _native.TextClassificationRunner:
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
        self._native.init_local()
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

    def run(self, inputs: Any, *, top_k: Any = "", function_to_apply: str | None = None) -> Any:
        """Computes and waits for the result.

        Args:
            inputs: A text, a pair `{"text": …, "text_pair": …}`, or a list of these.
            top_k: How many labels; `None` for all. Given, each text has a list of labels.
            function_to_apply: `"softmax"`, `"sigmoid"` or `"none"`.

        Returns:
            `[{"label": …, "score": …}]` for a text, a list of `{"label": …, "score": …}` for a list. With `top_k`, a list of these
            for a text and a list of lists for a list.

        Raises:
            BadInput: An input cannot be.
            ComputeError: The model could not compute it.
        """
        output, given = self._asked(top_k, function_to_apply)
        if conventions.single(inputs):
            labels = self._native.run(inputs, output.asked if given else None, output.function_to_apply)
            return conventions.wrap(inputs, output.of(labels, None), given)
        lists = self._native.run_batch(inputs, output.asked if given else None, output.function_to_apply)
        return [output.of(labels, None) for labels in lists]

    async def async_run(self, inputs: Any, *, top_k: Any = "", function_to_apply: str | None = None) -> Any:
        """As `run`, without blocking the event loop. It is not computed any more once the task is cancelled."""
        output, given = self._asked(top_k, function_to_apply)
        one = conventions.single(inputs)
        items = [inputs] if one else inputs

        def begin(on_done: Any) -> _native.Task:
            return self._native.submit(items, output.asked if given else None, output.function_to_apply, on_done)

        results = [output.of(labels, None) for labels in await awaiting.result_of(begin)]
        return conventions.wrap(inputs, results[0], given) if one else results

    def _asked(self, top_k: Any, function: str | None) -> tuple[conventions.Output, bool]:
        if isinstance(top_k, str) and top_k == "":
            return (self._output if function is None else self._output._replace(function_to_apply=function)), False
        if top_k is not None and not isinstance(top_k, int):
            raise BadInputType(f"top_k is a number, or None for all labels, not {top_k!r}")
        return conventions.Output(top_k, False, function), True

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

    def __reduce__(self) -> tuple[Any, ...]:
        return ModelRunner, (self._tag, self.name, self._top_k, self._task, self._batching, self._bound)

    def __repr__(self) -> str:
        state = self._bound[0] if self._bound else "not initialised"
        return f"ModelRunner({self.name!r}, {state})"


class Runner:
    """A runner of a model of your own, which is a `Runnable`.

    Args:
        runnable_class: The class. `init_local()` makes one instance of it.
        runnable_init_params: What it is made with.
        name: The runner's name in messages; the class's, in lower case, if absent.
        models: Models that it uses, to be found by tools. Nothing is done with them.
        max_batch_size: The most rows in a batch.
        max_latency_ms: How long a call may be held back so that others can join it. It is no time-out.
        max_queue: How many calls may wait.
        timeout: Seconds that a call may wait to be computed; without limit if absent.
        method_configs: Other limits for single methods: `{"predict": {"max_batch_size": 8}}`.

    See `Runnable` for an example.
    """

    def __init__(
        self,
        runnable_class: type,
        *,
        runnable_init_params: Mapping[str, Any] | None = None,
        name: str | None = None,
        models: Iterable[Model] | None = None,
        max_batch_size: int | None = None,
        max_latency_ms: float | None = None,
        max_queue: int | None = None,
        timeout: float | None = None,
        method_configs: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._methods = methods_of(runnable_class)
        self.runnable_class = runnable_class
        self.runnable_init_params = dict(runnable_init_params or {})
        self.name = name or runnable_class.__name__.lower()
        self.models = list(models or [])
        self._batching = batching_options(
            list(self._methods),
            method_configs,
            max_batch_size=max_batch_size,
            max_latency_ms=max_latency_ms,
            max_queue=max_queue,
            timeout=timeout,
        )
        for method in self._batching.values():
            # Rows are what batches of calls are measured in.
            if method.get("max_batch_size") is not None:
                method["max_batch_cost"] = method["max_batch_size"]
        self._natives: dict[str, _native.CallableRunner] | None = None
        for method_name, config in self._methods.items():
            if method_name in Runner.__dict__:
                continue
            if method_name in vars(self):
                raise BadInput(
                    f"`{runnable_class.__name__}` has a method `{method_name}`, which is an attribute of every runner; name it otherwise"
                )
            setattr(self, method_name, self._method(method_name, config))

    def _method(self, name: str, config: MethodConfig) -> RunnerMethod:
        def run(*args: Any, **kwargs: Any) -> Any:
            call = batches.call(name, config, args, kwargs)
            return self._native_of(name).run(name, call, call.rows)

        async def async_run(*args: Any, **kwargs: Any) -> Any:
            call = batches.call(name, config, args, kwargs)
            native = self._native_of(name)
            return await awaiting.result_of(lambda on_done: native.submit(name, call, call.rows, on_done))

        return RunnerMethod(self, name, run, async_run)

    def method(self, name: str) -> RunnerMethod:
        """The method of this name, also if the runner has an attribute of that name itself.

        Raises:
            UnknownMethod: There is none; the message lists those there are.
        """
        if name not in self._methods:
            raise self._unknown(name)
        return self._method(name, self._methods[name])

    @property
    def is_initialised(self) -> bool:
        """Whether it can be run."""
        return self._natives is not None

    def init_local(self, quiet: bool = False) -> None:
        """Makes the instance, in this process.

        Raises:
            StateError: It is initialised already, or the process was forked from one that computes.
        """
        if self._natives is not None:
            raise StateError(f"runner `{self.name}` is already initialised; call `init_local()` once")
        instance = self.runnable_class(**self.runnable_init_params)
        natives = {}
        for name, config in self._methods.items():
            compute = batches.computer(instance, name, config)
            natives[name] = _native.CallableRunner(self.name, [name], compute, self._batching[name])
            natives[name].init_local()
        self._natives = natives

    def destroy(self) -> None:
        """Lets go of the instance; another is made when it is initialised again."""
        self._natives = None

    def init_client(self, *_: Any, **__: Any) -> None:
        """Not for the user's own models yet.

        Raises:
            NotSupported: Always.
        """
        raise NotSupported(
            f"runner `{self.name}` is a Python class of your own, which runs in the process that has it; call `init_local()`"
        )

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the only method, or the one called `__call__`.

        Raises:
            UnknownMethod: There are several and none is called so.
        """
        return self._default().run(*args, **kwargs)

    async def async_run(self, *args: Any, **kwargs: Any) -> Any:
        """As `run`, without blocking the event loop."""
        return await self._default().async_run(*args, **kwargs)

    def _default(self) -> RunnerMethod:
        name = next(iter(self._methods)) if len(self._methods) == 1 else "__call__"
        if name not in self._methods:
            raise self._unknown("run")
        return self._method(name, self._methods[name])

    def stats(self) -> dict[str, dict[str, Any]]:
        """What each method computed so far: `batches`, `items` (calls), `mean_batch_size`, and more."""
        return {name: native.stats() for name, native in (self._natives or {}).items()}

    def _native_of(self, name: str) -> _native.CallableRunner:
        if self._natives is None:
            raise StateError(f"runner `{self.name}` is not initialised; call `init_local()` before the first `run`")
        return self._natives[name]

    def _unknown(self, name: str) -> UnknownMethod:
        names = ", ".join(f"`{method}`" for method in self._methods)
        return UnknownMethod(f"runner `{self.name}` has no method `{name}`; it has {names}")

    def __getattr__(self, name: str) -> Any:
        # Only for what is not there.
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._unknown(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (self._arguments(), self.is_initialised)

    def _arguments(self) -> dict[str, Any]:
        return {
            "runnable_class": self.runnable_class,
            "runnable_init_params": self.runnable_init_params,
            "name": self.name,
            "models": self.models,
            "method_configs": {
                name: {key: value for key, value in config.items() if key != "max_batch_cost"}
                for name, config in self._batching.items()
            },
        }

    def __repr__(self) -> str:
        state = "local" if self.is_initialised else "not initialised"
        return f"Runner({self.name!r}, methods={list(self._methods)}, {state})"


def _remade(arguments: dict[str, Any], initialised: bool) -> Runner:
    runner = Runner(**arguments)
    if initialised:
        runner.init_local()
    return runner


_LIMITS = ("max_batch_size", "max_batch_cost", "max_latency_ms", "max_queue", "timeout")


def batching_options(
    methods: list[str], method_configs: Mapping[str, Mapping[str, Any]] | None, **limits: Any
) -> dict[str, dict[str, Any]]:
    """The limits of each method.

    Raises:
        BadInput: There is no such method or limit.
    """
    options = {name: {key: value for key, value in limits.items() if value is not None} for name in methods}
    for name, config in (method_configs or {}).items():
        if name not in options:
            raise BadInput(f"method_configs names the method `{name}`; there is {', '.join(map(repr, methods))}")
        for key, value in config.items():
            if key not in _LIMITS:
                raise BadInput(f"method_configs has the limit `{key}` for `{name}`; limits are {', '.join(_LIMITS)}")
            if value is not None:
                options[name][key] = value
    return options
