"""Runners of your own models, and what all runners have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping

from riverrun import _native, awaiting, batches
from riverrun.exceptions import BadInput, NotSupported, StateError, UnknownMethod
from riverrun.runnable import MethodConfig, methods_of

if TYPE_CHECKING:
    from riverrun.models import Model

__all__ = ["Runner", "RunnerMethod"]


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

    __call__ = run

    async def async_run(self, *args: Any, **kwargs: Any) -> Any:
        """Computes without blocking the event loop."""
        return await self._async_run(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<method {self.name!r} of {self.runner!r}>"


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
