"""Machine-learning inference inside data streams.

>>> import riverrun
>>> runner = riverrun.transformers.get("tweet-sentiment:latest").to_runner()
>>> runner.init_local()
>>> runner.predict.run("What a lovely day")[0]["label"]
'positive'

| | |
| --- | --- |
| `riverrun.models` | the models in the store |
| `riverrun.transformers`, `riverrun.onnx`, `riverrun.xgboost`, `riverrun.lightgbm` | models by what made them, under BentoML's names |
| `riverrun.pipeline` | called as the pipelines of `transformers` are |
| `riverrun.Runnable`, `riverrun.Runner` | models of your own, in batches |
| `riverrun.Service`, `riverrun.io` | functions of yours at routes, over HTTP |
| `riverrun.datastream` | stream programs, with the names of PyFlink |
| `riverrun.exceptions` | what goes wrong |
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from riverrun._native import __version__

if TYPE_CHECKING:
    from riverrun import common, datastream, exceptions, io, lightgbm, models, onnx, service, transformers, xgboost
    from riverrun.model_runner import ModelRunner
    from riverrun.models import Model
    from riverrun.pipelines import TextClassificationPipeline, pipeline
    from riverrun.runnable import Runnable
    from riverrun.runner import Runner
    from riverrun.service import Context, Service
    from riverrun.tag import Tag
    from riverrun.task_pipeline import TaskPipeline
    from riverrun.task_runner import TaskRunner
    from riverrun.tensor_runner import RowRunner, TensorRunner

__all__ = [
    "Context",
    "Model",
    "ModelRunner",
    "RowRunner",
    "Runnable",
    "Runner",
    "Service",
    "Tag",
    "TaskPipeline",
    "TaskRunner",
    "TensorRunner",
    "TextClassificationPipeline",
    "__version__",
    "common",
    "datastream",
    "exceptions",
    "io",
    "lightgbm",
    "models",
    "onnx",
    "pipeline",
    "service",
    "transformers",
    "xgboost",
]

# A program uses a few of them, and should not wait for the others.
_MODULES = ("common", "datastream", "exceptions", "io", "lightgbm", "models", "onnx", "service", "transformers", "xgboost")
_MODULE_OF = {
    "Context": "service",
    "Model": "models",
    "ModelRunner": "model_runner",
    "RowRunner": "tensor_runner",
    "Runnable": "runnable",
    "Runner": "runner",
    "Service": "service",
    "Tag": "tag",
    "TaskPipeline": "task_pipeline",
    "TaskRunner": "task_runner",
    "TensorRunner": "tensor_runner",
    "TextClassificationPipeline": "pipelines",
    "pipeline": "pipelines",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        # Which sets it here, too.
        return importlib.import_module(f"riverrun.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'riverrun' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"riverrun.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
