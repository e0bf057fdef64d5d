"""What this benchmark has in common with the one of `bench/peers`: the model, the texts, and how commands are run."""

import sys
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent.parent / "peers"
sys.path.append(str(DIRECTORY))

import workload  # noqa: E402
from commands import environment, package, pin_to_cores, processor, python_311, run, say  # noqa: E402, F401
from workload import make_texts  # noqa: E402, F401


def make_model(head, work):
    """MiniLM-L6 with this head; without one, this repository's small model."""
    if head is None:
        say("no --head: all sides run models/tweet-sentiment, far smaller than MiniLM-L6; its ratios say little about others")
    return workload.make_model("tweet-sentiment" if head is None else "minilm", head, work)
