"""NumPy's arrays."""

from __future__ import annotations

import io
import math
from typing import Any

from riverrun.exceptions import BadInput, BadInputType
from riverrun.io.base import Body, IODescriptor, imported
from riverrun.io.json import dumps, loads

__all__ = ["NumpyNdarray"]

_NPY = "application/x-npy"
_MAGIC = b"\x93NUMPY"


class NumpyNdarray(IODescriptor[Any]):
    """An array as lists in JSON. In a request it can also be NumPy's own format (`numpy.save`), with the content type
    `application/x-npy` or any other.

    >>> NumpyNdarray(dtype="float32", shape=(-1, 2)).read(Body(b"[[1, 2], [3, 4]]")).shape
    (2, 2)

    Args:
        dtype: The type that arrays are cast to, where no more than precision is lost.
        enforce_dtype: Whether an array of a type that cannot be cast is refused.
        shape: The shape that arrays are brought into; -1 for a dimension of any size.
        enforce_shape: Whether an array of another shape is refused instead.
    """

    def __init__(
        self,
        dtype: Any = None,
        enforce_dtype: bool = False,
        shape: tuple[int, ...] | None = None,
        enforce_shape: bool = False,
    ) -> None:
        numpy = imported("numpy", "numpy", "NumpyNdarray")
        try:
            self._dtype = None if dtype is None else numpy.dtype(dtype)
        except TypeError as error:
            raise BadInputType(f"dtype is a type of NumPy, not {dtype!r}") from error
        if enforce_dtype and dtype is None:
            raise BadInput("enforce_dtype needs a dtype to enforce")
        if enforce_shape and shape is None:
            raise BadInput("enforce_shape needs a shape to enforce")
        self._shape = None if shape is None else tuple(shape)
        self._enforce_dtype = enforce_dtype
        self._enforce_shape = enforce_shape

    def _from_sample(self, sample: Any) -> Any:
        import numpy

        array = numpy.asarray(sample)
        if self._dtype is None:
            self._dtype = array.dtype
        if self._shape is None:
            self._shape = array.shape
        return array

    def read(self, body: Body) -> Any:
        import numpy

        if body.media_type == _NPY or body.content.startswith(_MAGIC):
            array = _of_npy(body.content)
        else:
            value = loads(body.content)
            try:
                array = numpy.array(value, dtype=self._dtype)
            except (ValueError, TypeError, OverflowError):
                array = _untyped(value)
            # NumPy cuts fractions off where it is asked for integers.
            if self._enforce_dtype and array.dtype.kind in "iub" and not numpy.array_equal(array, _untyped(value)):
                raise BadInput(f"the array has numbers that are none of type {self._dtype}, which is wanted")
            if array.dtype.hasobject and self._dtype != array.dtype:
                raise BadInput("the JSON is not an array of numbers or texts: it has something else in it")
        return self._checked(array, BadInput)

    def write(self, value: Any) -> Body:
        import numpy

        if not isinstance(value, (numpy.ndarray, numpy.generic)):
            raise self._unfit(value, "a numpy.ndarray")
        return Body(dumps(self._checked(numpy.asarray(value), ValueError).tolist()), self._mime_type)

    def _checked(self, array: Any, wrong: type[Exception]) -> Any:
        import numpy

        if self._dtype is not None and self._dtype != array.dtype:
            if numpy.can_cast(array.dtype, self._dtype, casting="same_kind"):
                array = array.astype(self._dtype)
            elif self._enforce_dtype:
                raise wrong(f"the array is of type {array.dtype}, and {self._dtype} is wanted")
        if self._shape is not None and not _fits(self._shape, array.shape):
            if self._enforce_shape:
                raise wrong(f"the array has the shape {array.shape}, and {self._shape} is wanted")
            try:
                array = array.reshape(self._shape)
            except ValueError:
                # As it is, as in BentoML: only an enforced shape is sure.
                pass
        return array

    def openapi_schema(self) -> dict[str, Any]:
        kind = "number" if self._dtype is None else _KINDS.get(self._dtype.kind)
        schema: dict[str, Any] = {} if kind is None else {"type": kind}
        if self._shape is None:
            return {"type": "array"}
        for size in reversed(self._shape):
            schema = {"type": "array", "items": schema}
            if self._enforce_shape and size >= 0:
                schema |= {"minItems": size, "maxItems": size}
        return schema

    def openapi_example(self) -> Any:
        return self._sample.tolist() if hasattr(self._sample, "tolist") else self._sample

    def openapi_content(self, is_input: bool) -> dict[str, Any]:
        content = super().openapi_content(is_input)
        return content | {_NPY: {"schema": {"type": "string", "format": "binary"}}} if is_input else content


_KINDS = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "U": "string"}


def _fits(wanted: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(wanted) == len(shape) and all(size in (-1, found) for size, found in zip(wanted, shape))


def _untyped(value: Any) -> Any:
    import numpy

    try:
        return numpy.array(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadInput("the JSON is not an array: its lists are of different lengths or depths") from error


def _of_npy(content: bytes) -> Any:
    """The array of a file of `numpy.save`, which is looked at before memory is taken for what it says it has."""
    import numpy
    from numpy.lib import format as npy

    file = io.BytesIO(content)
    try:
        version = npy.read_magic(file)
        # The header is read as a literal of Python: a long one could take its parser down.
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, in_columns, dtype = read(file, max_header_size=10_000)
    except KeyError as error:
        raise BadInput("the body is in a version of NumPy's format that is not read; write it with `numpy.save`") from error
    except Exception as error:
        raise BadInput(f"the body is not in NumPy's format: {error}") from error
    if dtype.hasobject:
        raise BadInput("the array holds Python objects, which would be pickles and are never read")
    there, wanted = len(content) - file.tell(), math.prod(shape) * dtype.itemsize
    if there != wanted:
        raise BadInput(f"the array says that it is {wanted} bytes long, and the body has {there} of it")
    array = numpy.frombuffer(content, dtype, offset=file.tell()) if wanted else numpy.empty(math.prod(shape), dtype)
    # A copy, since the function may change it.
    return array.reshape(shape, order="F" if in_columns else "C").copy()
