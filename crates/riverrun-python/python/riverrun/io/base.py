"""What all descriptors share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, NamedTuple, TypeVar

from riverrun.exceptions import BadInput, MissingDependency

__all__ = ["Body", "IODescriptor", "UnsupportedMediaType", "imported"]

T = TypeVar("T")


class Body(NamedTuple):
    """The body of a request, of an answer, or of a part of one."""

    content: bytes
    #: As it is written in the header; empty without one.
    content_type: str = ""
    filename: str | None = None
    #: Further headers of an answer.
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def media_type(self) -> str:
        """Its content type in lower case, without parameters."""
        return self.content_type.partition(";")[0].strip().lower()


class UnsupportedMediaType(BadInput):
    """A body of a kind that a descriptor does not read."""

    error_code = 415


def imported(module: str, package: str, what: str) -> Any:
    """A module that only this needs.

    Raises:
        MissingDependency: It is not installed; the message says how to.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingDependency(f"{what} needs {package}, which is not installed; `pip install {package}`") from error


class IODescriptor(ABC, Generic[T]):
    """How an endpoint's input is read, or its output written."""

    _mime_type: str = "application/json"
    _sample: T | None = None

    @classmethod
    def from_sample(cls, sample: Any, **kwargs: Any) -> IODescriptor[T]:
        """A descriptor that shows this sample in the documentation, and takes what it can from it."""
        descriptor = cls(**kwargs)
        descriptor._sample = descriptor._from_sample(sample)
        return descriptor

    @property
    def sample(self) -> T | None:
        """What the documentation shows as an example."""
        return self._sample

    @sample.setter
    def sample(self, value: T) -> None:
        self._sample = value

    @property
    def mime_type(self) -> str:
        """The media type."""
        return self._mime_type

    def _from_sample(self, sample: Any) -> Any:
        return sample

    @abstractmethod
    def read(self, body: Body) -> T:
        """What the body holds.

        Raises:
            BadInput: It cannot be read.
        """

    @abstractmethod
    def write(self, value: T) -> Body:
        """The value as a body.

        Raises:
            TypeError: It is of another type.
        """

    @abstractmethod
    def openapi_schema(self) -> dict[str, Any]:
        """A schema as OpenAPI 3.1 has them."""

    def openapi_example(self) -> Any:
        """The sample, as JSON has it; `None` without one."""
        return None

    def openapi_content(self, is_input: bool) -> dict[str, Any]:
        """The media types that it reads or writes, each with its schema."""
        media = {"schema": self.openapi_schema()}
        if self._sample is not None and (example := self.openapi_example()) is not None:
            media["example"] = example
        return {self._mime_type or "application/octet-stream": media}

    def __repr__(self) -> str:
        return type(self).__qualname__

    def _unfit(self, value: Any, wanted: str) -> TypeError:
        return TypeError(f"{self!r} writes {wanted}, not {type(value).__name__}")
