"""Texts."""

from __future__ import annotations

from typing import Any

from riverrun.exceptions import BadInput, NotSupported
from riverrun.io.base import Body, IODescriptor

__all__ = ["Text", "utf8"]


def utf8(content: bytes) -> str:
    """The bytes as a text.

    Raises:
        BadInput: They are not UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"the body is not UTF-8: byte {error.start} is not part of a character; encode the text as UTF-8"
        ) from error


class Text(IODescriptor[str]):
    """A text in UTF-8. Of a request's content type nothing is asked, as in BentoML.

    >>> Text().read(Body(b"What a lovely day"))
    'What a lovely day'
    >>> Text().write("fine").content_type
    'text/plain; charset=utf-8'
    """

    def __init__(self, content_type: str = "text/plain") -> None:
        if content_type == "text/event-stream":
            raise NotSupported("Text with `text/event-stream` streams its answer, which services do not do yet")
        self._mime_type = content_type

    def _from_sample(self, sample: str | bytes) -> str:
        return utf8(sample) if isinstance(sample, bytes) else sample

    def read(self, body: Body) -> str:
        return utf8(body.content)

    def write(self, value: str) -> Body:
        if not isinstance(value, str):
            raise self._unfit(value, "a str")
        return Body(value.encode(), f"{self._mime_type}; charset=utf-8")

    def openapi_schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def openapi_example(self) -> Any:
        return self._sample
