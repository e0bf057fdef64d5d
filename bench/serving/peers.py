"""What this benchmark has in common with the one of `bench/peers`: the model, the texts, and how commands are run."""

import importlib.util
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent.parent / "peers"

_spec = importlib.util.spec_from_file_location("peers_run", DIRECTORY / "run.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

environment, run, say = _module.environment, _module.run, _module.say
make_model, make_texts, package = _module.make_model, _module.make_texts, _module.package
pin_to_cores, processor, python_311 = _module.pin_to_cores, _module.processor, _module.python_311
