"""Machine-learning inference inside data streams.

>>> import riverrun
>>> runner = riverrun.transformers.get("tweet-sentiment:latest").to_runner()
>>> runner.init_local()
>>> runner.predict.run("What a lovely day")[0]["label"]
'positive'

| | |
| --- | --- |
| `riverrun.models` | the models in the store |
| `riverrun.transformers` | models of `transformers`, under BentoML's names |
| `riverrun.pipeline` | called as the pipelines of `transformers` are |
| `riverrun.Runnable`, `riverrun.Runner` | models of your own, in batches |
| `riverrun.Service`, `riverrun.io` | functions of yours at routes, over HTTP |
| `riverrun.datastream` | stream programs, with the names of PyFlink |
| `riverrun.exceptions` | what goes wrong |
"""

from riverrun import exceptions, io, models, transformers
from riverrun._native import __version__
from riverrun.models import Model
from riverrun.pipelines import TextClassificationPipeline, pipeline
from riverrun.runnable import Runnable
from riverrun.runner import ModelRunner, Runner
from riverrun.service import Context, Service
from riverrun.tag import Tag

__all__ = [
    "Context",
    "Model",
    "ModelRunner",
    "Runnable",
    "Runner",
    "Service",
    "Tag",
    "TextClassificationPipeline",
    "__version__",
    "exceptions",
    "io",
    "models",
    "pipeline",
    "transformers",
]
