"""Forms of several parts."""

from __future__ import annotations

from typing import Any

from riverrun.exceptions import BadInput, BadInputType, NotSupported
from riverrun.io.base import Body, IODescriptor, UnsupportedMediaType
from riverrun.io.form import MULTIPART, Part, read_form, write_form

__all__ = ["Multipart"]


class Multipart(IODescriptor[dict[str, Any]]):
    """A form (`multipart/form-data`) whose parts have descriptors of their own: `Multipart(text=Text(), options=JSON())`.

    The function takes a parameter for each part, or returns a dictionary of them.
    """

    _mime_type = MULTIPART

    def __init__(self, **inputs: IODescriptor[Any]) -> None:
        for name, descriptor in inputs.items():
            if not isinstance(descriptor, IODescriptor):
                raise BadInputType(f"part `{name}` is described by a descriptor such as Text(), not {descriptor!r}")
            if isinstance(descriptor, Multipart):
                raise BadInput(f"part `{name}` cannot be a Multipart: parts have no parts")
        self._inputs = inputs

    def _from_sample(self, sample: Any) -> Any:
        raise NotSupported("Multipart has no samples; give them to its parts")

    @property
    def names(self) -> list[str]:
        """The names of the parts."""
        return list(self._inputs)

    def read(self, body: Body) -> dict[str, Any]:
        if body.media_type != MULTIPART:
            given = f"`{body.media_type}`" if body.media_type else "a body without `Content-Type`"
            raise UnsupportedMediaType(f"this route does not read {given}; send `{MULTIPART}`")
        parts = {part.name: part.body for part in read_form(body)}
        missing = [name for name in self._inputs if name not in parts]
        if missing:
            given = ", ".join(f"`{name}`" for name in parts) or "none"
            raise BadInput(f"the form has no part `{missing[0]}`; of parts there is {given}")
        return {name: _read(name, descriptor, parts[name]) for name, descriptor in self._inputs.items()}

    def write(self, value: dict[str, Any]) -> Body:
        if not isinstance(value, dict):
            raise self._unfit(value, "a dict with a value for each part")
        missing = [name for name in self._inputs if name not in value]
        if missing:
            raise ValueError(f"{self!r} writes a dict that has the part `{missing[0]}` too")
        return write_form([Part(name, one.write(value[name])) for name, one in self._inputs.items()])

    def openapi_schema(self) -> dict[str, Any]:
        properties = {name: one.openapi_schema() for name, one in self._inputs.items()}
        return {"type": "object", "properties": properties, "required": list(self._inputs)}

    def __repr__(self) -> str:
        return f"Multipart({', '.join(f'{name}={one!r}' for name, one in self._inputs.items())})"


def _read(name: str, descriptor: IODescriptor[Any], body: Body) -> Any:
    try:
        return descriptor.read(body)
    except BadInput as error:
        raise type(error)(f"part `{name}` of the form: {error}") from error
