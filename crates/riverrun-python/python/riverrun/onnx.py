"""ONNX models, under the names that BentoML gives these functions. The package `onnx` itself is not needed.

`save_model` takes a `ModelProto`, or the path of a file or of a directory with one.
"""

from __future__ import annotations

from typing import Any, Callable

from riverrun.formats import Format

__all__ = ["get", "import_model", "save_model"]


def _writer(model: Any) -> Callable[[str], None] | None:
    if not hasattr(model, "SerializeToString"):
        return None

    def write(path: str) -> None:
        with open(path, "wb") as file:
            file.write(model.SerializeToString())

    return write


_format = Format("onnx", "model.onnx", _writer)
get, save_model, import_model = _format.get, _format.save_model, _format.import_model
