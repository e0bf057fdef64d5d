"""The user's own models: `Runnable`."""

from __future__ import annotations

from typing import Any, Callable, ClassVar, NamedTuple, TypeVar, overload

from riverrun.exceptions import BadInput, BadInputType

__all__ = ["MethodConfig", "Runnable"]

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__riverrun_method__"


class MethodConfig(NamedTuple):
    """How a method of a `Runnable` is called."""

    batchable: bool = False
    """Whether calls may be put together into one."""
    batch_dim: tuple[int, int] = (0, 0)
    """The dimensions along which the inputs are put together and the output is taken apart."""


class Runnable:
    """A model of your own: a class whose methods compute batches.

    One instance is made per process, by `init_local()` of its runner. With `batchable=True`, a method takes a batch (a list, a
    NumPy array, a pandas DataFrame or Series, a PyTorch tensor, an Arrow table) and returns one as long; calls from several threads
    and tasks are put together into one call.

    >>> import riverrun
    >>> class Doubling(riverrun.Runnable):
    ...     @riverrun.Runnable.method(batchable=True, batch_dim=0)
    ...     def predict(self, numbers):
    ...         return [2 * number for number in numbers]
    >>> runner = riverrun.Runner(Doubling, name="doubling", max_batch_size=32)
    >>> runner.init_local()
    >>> runner.predict.run([1, 2, 3])
    [2, 4, 6]
    """

    SUPPORTED_RESOURCES: ClassVar[tuple[str, ...]] = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING: ClassVar[bool] = True

    @overload
    @staticmethod
    def method(meth: F) -> F: ...

    @overload
    @staticmethod
    def method(
        *, batchable: bool = False, batch_dim: int | tuple[int, int] = 0, input_spec: Any = None, output_spec: Any = None
    ) -> Callable[[F], F]: ...

    @staticmethod
    def method(
        meth: F | None = None,
        *,
        batchable: bool = False,
        batch_dim: int | tuple[int, int] = 0,
        input_spec: Any = None,
        output_spec: Any = None,
    ) -> Any:
        """Marks a method as one that runners call.

        Args:
            batchable: Whether calls may be put together into one.
            batch_dim: The dimension along which they are; or two of them, of the inputs and of the output.
            input_spec: Has no effect, as in BentoML.
            output_spec: Has no effect, as in BentoML.
        """
        config = MethodConfig(batchable, _dimensions(batch_dim))

        def mark(function: F) -> F:
            if not callable(function):
                raise BadInputType(f"a method must be callable, not {type(function).__name__}")
            setattr(function, _MARK, config)
            return function

        return mark if meth is None else mark(meth)

    @classmethod
    def add_method(
        cls, method: Callable[..., Any], name: str, *, batchable: bool = False, batch_dim: int | tuple[int, int] = 0
    ) -> None:
        """Adds a method that runners call. It gets the instance as its first argument."""
        setattr(cls, name, Runnable.method(batchable=batchable, batch_dim=batch_dim)(method))


def methods_of(runnable: type) -> dict[str, MethodConfig]:
    """The methods that runners of this class have, in the order in which they are written.

    Raises:
        BadInput: It has none.
    """
    if not isinstance(runnable, type):
        raise BadInputType(f"a runner is made of a class that is a Runnable, not of {runnable!r}")
    found: dict[str, MethodConfig] = {}
    for base in reversed(runnable.__mro__):
        for name, attribute in vars(base).items():
            config = getattr(attribute, _MARK, None)
            if isinstance(config, MethodConfig):
                found[name] = config
            else:
                # What a subclass overrides without the mark is none of the runner's any more.
                found.pop(name, None)
    if not found:
        raise BadInput(
            f"{runnable.__name__} has no method that a runner could call; mark one with "
            "@riverrun.Runnable.method(batchable=True)"
        )
    return found


def _dimensions(batch_dim: int | tuple[int, int]) -> tuple[int, int]:
    dimensions = (batch_dim, batch_dim) if isinstance(batch_dim, int) else tuple(batch_dim)
    if len(dimensions) != 2 or not all(isinstance(one, int) and one >= 0 for one in dimensions):
        raise BadInput(f"batch_dim is a dimension from 0 on, or two of them, not {batch_dim!r}")
    return dimensions[0], dimensions[1]
