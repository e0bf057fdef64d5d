"""Files."""

from __future__ import annotations

import io
import os
from typing import Any

from riverrun.exceptions import BadInput
from riverrun.io.base import Body, IODescriptor, UnsupportedMediaType
from riverrun.io.form import MULTIPART, read_form

__all__ = ["File", "FileLike", "upload_content", "uploaded"]


class FileLike(io.BytesIO):
    """A binary file that came with a request."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        #: The name that the client gave it.
        self.name = name


def uploaded(body: Body, accepts: Any, wanted: str) -> Body:
    """The body itself, or the first file of a form, that is of an accepted media type.

    Raises:
        UnsupportedMediaType: There is none; the message says what is `wanted`.
    """
    if body.media_type != MULTIPART:
        if not accepts(body.media_type):
            given = f"`{body.media_type}`" if body.media_type else "a body without `Content-Type`"
            raise UnsupportedMediaType(f"this route does not read {given}; send {wanted}, as it is or in `{MULTIPART}`")
        return body
    files = [part.body for part in read_form(body) if part.body.filename is not None]
    if not files:
        raise BadInput("the form has no file in it; give one of its parts a file name")
    for file in files:
        if accepts(file.media_type):
            return file
    given = ", ".join(f"`{file.media_type}`" for file in files[:5])
    raise UnsupportedMediaType(f"the form has files of the type {given}; send {wanted}")


def upload_content(media_types: list[str]) -> dict[str, Any]:
    """The `content` of OpenAPI for what `uploaded` reads."""
    file = {"type": "string", "format": "binary"}
    form = {"schema": {"type": "object", "properties": {"file": file}}}
    return {media_type: {"schema": file} for media_type in media_types} | {MULTIPART: form}


class File(IODescriptor[Any]):
    """A file: the body, or the first file of a form.

    >>> file = File().read(Body(b"%PDF", "application/pdf", "report.pdf"))
    >>> file.name, file.read()
    ('report.pdf', b'%PDF')

    Args:
        kind: `"binaryio"`, the only one that there is.
        mime_type: The only media type that is read, and the one that is written; any, and `application/octet-stream`, if absent.
    """

    def __init__(self, kind: str = "binaryio", mime_type: str | None = None) -> None:
        if kind != "binaryio":
            raise BadInput(f"kind is 'binaryio', not {kind!r}")
        self._accepted = mime_type.lower() if mime_type else None
        self._mime_type = mime_type or "application/octet-stream"

    def _from_sample(self, sample: Any) -> Any:
        import mimetypes

        if isinstance(sample, (str, os.PathLike)):
            guessed, _ = mimetypes.guess_type(os.fspath(sample))
            if guessed is None and self._accepted is None:
                raise BadInput(f"the kind of {sample} cannot be told by its name; give `mime_type`")
            if self._accepted is None:
                self._accepted = self._mime_type = guessed or self._mime_type
            with open(sample, "rb") as file:
                return FileLike(file.read(), os.path.basename(sample))
        return sample

    def read(self, body: Body) -> FileLike:
        accepted = self._accepted
        file = uploaded(body, lambda kind: accepted in (None, kind), f"`{accepted}`")
        return FileLike(file.content, file.filename or "<request body>")

    def write(self, value: Any) -> Body:
        content = value.read() if hasattr(value, "read") else value
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise self._unfit(value, "bytes or a binary file")
        return Body(bytes(content), self._mime_type)

    def openapi_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "binary"}

    def openapi_content(self, is_input: bool) -> dict[str, Any]:
        return upload_content([self._accepted or "*/*"]) if is_input else super().openapi_content(is_input)
