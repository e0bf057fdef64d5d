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

from riverrun import exceptions, io, lightgbm, models, onnx, transformers, xgboost
from riverrun._native import __version__
from riverrun.models import Model
from riverrun.model_runner import ModelRunner
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
    "exceptions",
    "io",
    "lightgbm",
    "models",
    "onnx",
    "pipeline",
    "transformers",
    "xgboost",
]
