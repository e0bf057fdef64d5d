"""Models of LightGBM, under the names that BentoML gives these functions. The package `lightgbm` itself is not needed.

`save_model` takes a `Booster`, a model of the scikit-learn interface, or the path of a file that `Booster.save_model` wrote.
"""

from __future__ import annotations

from typing import Any, Callable

from riverrun.formats import Format

__all__ = ["get", "import_model", "save_model"]


def _writer(model: Any) -> Callable[[str], None] | None:
    # The scikit-learn interface has the booster inside.
    booster = getattr(model, "booster_", model)
    return getattr(booster, "save_model", None)


_format = Format("lightgbm", "model.txt", _writer)
get, save_model, import_model = _format.get, _format.save_model, _format.import_model
