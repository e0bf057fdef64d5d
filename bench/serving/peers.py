"""What this benchmark has in common with the one of `bench/peers`: the model, the texts, and how commands are run."""

import sys
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent.parent / "peers"
sys.path.append(str(DIRECTORY))

from commands import environment, package, pin_to_cores, processor, python_311, run, say  # noqa: E402, F401
from workload import make_model_with as make_model  # noqa: E402, F401
from workload import make_texts  # noqa: E402, F401
