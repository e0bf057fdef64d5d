"""Tensors as arrays of NumPy."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Iterable, Mapping

from riverrun.exceptions import BadInput, BadInputType, MissingDependency

if TYPE_CHECKING:
    import numpy

__all__: list[str] = []

_DTYPES = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}


def is_installed() -> bool:
    """Whether there is a NumPy."""
    return importlib.util.find_spec("numpy") is not None


def _numpy() -> Any:
    try:
        import numpy
    except ImportError as cause:
        raise MissingDependency("tensors are arrays of NumPy; `pip install numpy`") from cause
    return numpy


def of_tensors(tensors: Iterable[tuple[str, str, list[int], Any]]) -> dict[str, numpy.ndarray]:
    """Arrays by name, over the bytes that the native side made; those of strings hold `str`."""
    np = _numpy()
    arrays = {}
    for name, datatype, shape, data in tensors:
        if datatype == "BYTES":
            array = np.array([item.decode("utf-8", "replace") for item in data], dtype=object)
        else:
            array = np.frombuffer(data, dtype=_DTYPES[datatype])
        arrays[name] = array.reshape(shape)
    return arrays


def empty(specs: Mapping[str, tuple[str, list[int]]]) -> dict[str, numpy.ndarray]:
    """Arrays without items."""
    np = _numpy()
    return {
        name: np.zeros([0, *(max(size, 0) for size in shape[1:])], _DTYPES.get(datatype, object))
        for name, (datatype, shape) in specs.items()
    }


def to_tensors(arrays: Mapping[str, Any], wanted: Mapping[str, tuple[str, list[int]]]) -> list[tuple[str, str, list[int], Any]]:
    """Tensors of what can become arrays. What is no array yet gets the type that the model takes.

    Raises:
        BadInput: An array has a type that the model does not take, and that holds other numbers.
    """
    return [_tensor(name, value, *wanted.get(name, (None, None))) for name, value in arrays.items()]


def _tensor(name: str, value: Any, datatype: str | None, shape: list[int] | None) -> tuple[str, str, list[int], Any]:
    np = _numpy()
    if value is None:
        raise BadInputType(f"the tensor `{name}` is None")
    is_array = isinstance(value, np.ndarray)
    try:
        array = np.asarray(value)
    except ValueError as cause:
        raise BadInput(f"the tensor `{name}` cannot become an array: {cause}") from cause
    if shape is not None and array.ndim != len(shape):
        sizes = ", ".join("?" if size < 0 else str(size) for size in shape)
        raise BadInput(f"the tensor `{name}` has the shape {list(array.shape)}; the model takes [{sizes}], the items first")
    if array.dtype.kind in "OUS":
        return name, "BYTES", list(array.shape), [_bytes(name, item) for item in array.reshape(-1).tolist()]
    own = next((known for known, dtype in _DTYPES.items() if np.dtype(dtype) == array.dtype.newbyteorder("<")), None)
    if datatype in _DTYPES and own != datatype:
        wanted = np.dtype(_DTYPES[datatype])
        # A list has no type of its own; an array may be made wider, and of FP64 the model's floats.
        if is_array and not (np.can_cast(array.dtype, wanted, "same_kind") and array.dtype.kind == wanted.kind):
            raise BadInput(f"the tensor `{name}` is of {array.dtype}; the model takes {datatype}, `.astype({wanted.name!r})` makes it that")
        own, array = datatype, array.astype(wanted)
    if own is None:
        raise BadInput(f"the tensor `{name}` is of {array.dtype}, which no model takes; {', '.join(_DTYPES)} are taken")
    contiguous = np.ascontiguousarray(array, dtype=_DTYPES[own])
    return name, own, list(array.shape), contiguous.reshape(-1).view("u1")


def _bytes(name: str, item: Any) -> bytes:
    if isinstance(item, str):
        try:
            return item.encode()
        except UnicodeEncodeError as cause:
            raise BadInput(f"the tensor `{name}` has a string with a lone surrogate, which is no character") from cause
    if isinstance(item, bytes):
        return item
    raise BadInputType(f"the tensor `{name}` has a {type(item).__name__} among its items; numbers, or strings, are wanted")
