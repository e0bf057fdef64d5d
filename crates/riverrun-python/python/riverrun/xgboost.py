"""Models of XGBoost, under the names that BentoML gives these functions. The package `xgboost` itself is not needed.

`save_model` takes a `Booster`, a model of the scikit-learn interface, or the path of a file that `Booster.save_model` wrote.
"""

from __future__ import annotations

from typing import Any, Callable

from riverrun.formats import Format

__all__ = ["get", "import_model", "save_model"]


def _writer(model: Any) -> Callable[[str], None] | None:
    # The scikit-learn interface has the booster inside.
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    return getattr(booster, "save_model", None)


_format = Format("xgboost", "model.ubj", _writer)
get, save_model, import_model = _format.get, _format.save_model, _format.import_model
