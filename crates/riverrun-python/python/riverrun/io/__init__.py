"""What endpoints of a service take and give: descriptors with BentoML's names.

| | in | out |
| --- | --- | --- |
| `Text` | `str` | `str` |
| `JSON` | what JSON holds, or an instance of a pydantic model | the same, dataclasses, NumPy and pandas too |
| `NumpyNdarray` | `numpy.ndarray` | `numpy.ndarray` |
| `PandasDataFrame` | `pandas.DataFrame` | `pandas.DataFrame` |
| `File` | a binary file | `bytes` or a binary file |
| `Image` | `PIL.Image.Image` | `PIL.Image.Image` or `numpy.ndarray` |
| `Multipart` | one of these for each part | a dictionary of these |

>>> from riverrun.io import JSON, Text
>>> Text(), JSON()
(Text, JSON)

What cannot be read is a `BadInput` that says what is wrong, which the service answers with 400. NumPy, pandas, Pillow and pydantic are
imported by the descriptors that need them alone.
"""

from typing import Any

from riverrun.exceptions import NotSupported
from riverrun.io.base import IODescriptor
from riverrun.io.file import File
from riverrun.io.image import Image
from riverrun.io.json import JSON
from riverrun.io.multipart import Multipart
from riverrun.io.numpy import NumpyNdarray
from riverrun.io.pandas import PandasDataFrame
from riverrun.io.text import Text

__all__ = ["File", "IODescriptor", "Image", "JSON", "Multipart", "NumpyNdarray", "PandasDataFrame", "Text"]

_BENTOML_ALSO_HAS = {
    "PandasSeries": "use PandasDataFrame with one column, or JSON",
    "SSE": "services do not stream yet",
    "from_spec": "make the descriptor by its class",
}


def __getattr__(name: str) -> Any:
    if name in _BENTOML_ALSO_HAS:
        raise NotSupported(f"riverrun.io has no `{name}`, which bentoml.io has; {_BENTOML_ALSO_HAS[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
