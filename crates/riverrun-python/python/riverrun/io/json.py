"""JSON, checked by pydantic if asked to."""

from __future__ import annotations

import json
from typing import Any

from riverrun.exceptions import BadInput, BadInputType
from riverrun.io.base import Body, IODescriptor, imported

__all__ = ["JSON", "DefaultJsonEncoder", "dumps", "loads"]


class DefaultJsonEncoder(json.JSONEncoder):
    """Also writes dataclasses, NumPy's arrays and numbers, pandas' tables and columns, and pydantic's models."""

    def default(self, o: Any) -> Any:
        import dataclasses

        if dataclasses.is_dataclass(o) and not isinstance(o, type):
            return dataclasses.asdict(o)
        # Whoever has such an object has imported its package: no import here.
        for base in type(o).__mro__:
            match base.__module__.partition(".")[0], base.__name__:
                case "numpy", "ndarray":
                    return o.tolist()
                case "numpy", "generic":
                    return o.item()
                case "pandas", "DataFrame" | "Series":
                    return o.to_dict()
                case "pydantic", "BaseModel":
                    return dumped(o)
        return super().default(o)


def dumped(model: Any) -> Any:
    """A pydantic model, of version 1 or 2, as what JSON has."""
    return model.model_dump(mode="json") if hasattr(model, "model_dump") else json.loads(model.json())


def dumps(value: Any, encoder: type[json.JSONEncoder] = DefaultJsonEncoder) -> bytes:
    """JSON in UTF-8, without spaces.

    Raises:
        TypeError: It has no form in JSON.
        ValueError: A number is not finite.
    """
    return json.dumps(value, cls=encoder, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def loads(content: bytes) -> Any:
    """What the JSON holds.

    Raises:
        BadInput: It is not JSON in UTF-8.
    """
    try:
        return json.loads(content)
    except UnicodeDecodeError as error:
        raise BadInput(f"the body is not UTF-8: byte {error.start} is not part of a character") from error
    except RecursionError as error:
        raise BadInput("the JSON has lists and objects too deep within each other; keep it flatter") from error
    except ValueError as error:
        raise BadInput(f"the body is not JSON: {error}") from error


class JSON(IODescriptor[Any]):
    """What JSON holds, or an instance of a pydantic model that has checked it.

    >>> JSON().read(Body(b'{"text": "fine"}'))
    {'text': 'fine'}
    >>> JSON().write([{"label": "positive", "score": 0.9}]).content
    b'[{"label":"positive","score":0.9}]'

    Args:
        pydantic_model: A subclass of `pydantic.BaseModel`, of version 1 or 2, that the input becomes an instance of.
        validate_json: Has no effect, as in BentoML.
        json_encoder: What writes values that JSON has no form for.
    """

    def __init__(
        self,
        *,
        pydantic_model: Any = None,
        validate_json: bool | None = None,
        json_encoder: type[json.JSONEncoder] = DefaultJsonEncoder,
    ) -> None:
        if pydantic_model is not None:
            pydantic = imported("pydantic", "pydantic", "JSON with a pydantic_model")
            if not (isinstance(pydantic_model, type) and issubclass(pydantic_model, pydantic.BaseModel)):
                raise BadInputType(f"pydantic_model is a subclass of pydantic.BaseModel, not {pydantic_model!r}")
        self._pydantic_model = pydantic_model
        self._json_encoder = json_encoder

    def _from_sample(self, sample: Any) -> Any:
        if isinstance(sample, (str, bytes)):
            return loads(sample.encode() if isinstance(sample, str) else sample)
        if hasattr(sample, "model_dump") or hasattr(sample, "parse_obj"):
            self._pydantic_model = type(sample)
        elif not isinstance(sample, (dict, list)):
            raise BadInputType(f"a sample of JSON is a dict, a list, a pydantic model or a text, not {sample!r}")
        return sample

    def read(self, body: Body) -> Any:
        value = loads(body.content)
        model = self._pydantic_model
        if model is None:
            return value
        import pydantic

        try:
            return model.model_validate(value) if hasattr(model, "model_validate") else model.parse_obj(value)
        except pydantic.ValidationError as error:
            raise BadInput(f"the JSON is not a {model.__name__}: {_complaints(error)}") from error

    def write(self, value: Any) -> Body:
        return Body(dumps(value, self._json_encoder), self._mime_type)

    def openapi_schema(self) -> dict[str, Any]:
        model = self._pydantic_model
        if model is None:
            return {}
        return _without_references(model.model_json_schema() if hasattr(model, "model_json_schema") else model.schema())

    def openapi_example(self) -> Any:
        return None if self._sample is None else json.loads(dumps(self._sample, self._json_encoder))


def _complaints(error: Any) -> str:
    """What pydantic says, in one line and without the values."""
    found = error.errors()
    each = [f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in found[:5]]
    return "; ".join(each) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")


def _without_references(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its definitions where they are referred to, since it becomes part of another document."""
    definitions = schema.get("$defs", schema.get("definitions", {}))

    def resolve(value: Any, above: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [resolve(one, above) for one in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str):
            name = reference.rpartition("/")[2]
            # A model that contains itself: anything, from there on.
            return {} if name in above else resolve(definitions.get(name, {}), (*above, name))
        return {key: resolve(one, above) for key, one in value.items() if key not in ("$defs", "definitions")}

    return resolve(schema, ())
