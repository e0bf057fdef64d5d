"""What all sides compute: a model of one of the shapes, and texts."""

import random
import shutil
import sys

from commands import HERE, ROOT, digest, install, run, say

# Layers and hidden size of the encoders with random weights.
RANDOM = {"distilbert": (6, 768), "bert-base": (12, 768)}
SHAPES = ("minilm", *RANDOM, "tweet-sentiment")
# How many times as long as MiniLM-L6 a shape takes, so many times fewer texts it gets.
COST = {"distilbert": 4, "bert-base": 8}
# Texts of the models' full length take as long as so many tweets.
LONG_TOKENS, LONG_COST = 512, 20
FEWEST = 8


def make_model(shape, head, work):
    """The directory of the model that all sides run. `head` is a file for MiniLM-L6; without it, it gets random numbers."""
    if shape == "tweet-sentiment":
        return ROOT / "models" / "tweet-sentiment"
    minilm = work / ("minilm" if head is None else f"minilm-{digest(head)}")
    if not (minilm / "complete").exists():
        say("assembling MiniLM-L6")
        run([sys.executable, HERE / "make_minilm.py", head or "random", minilm])
        (minilm / "complete").touch()
    if shape == "minilm":
        return minilm
    model = work / shape
    if not (model / "complete").exists():
        say(f"making random weights of {shape}")
        shutil.rmtree(model, ignore_errors=True)
        run([install("onnxruntime"), HERE / "make_random.py", *RANDOM[shape], minilm, model])
        (model / "complete").touch()
    return model


def make_model_with(head, work):
    """MiniLM-L6 with this head; without one, this repository's small model, for a try."""
    if head is None:
        say("no --head: all sides run models/tweet-sentiment, far smaller than MiniLM-L6; its ratios say little about others")
    return make_model("tweet-sentiment" if head is None else "minilm", head, work)


def read_texts(file, count):
    if file is None:
        say("no --texts: generated lines with the lengths of tweets")
        return generate(count)
    lines = [line.strip("\r") for line in file.read_text().split("\n")]
    lines = [line for line in lines if line.strip()][:count]
    if not lines:
        sys.exit("there are no texts")
    return lines


def make_texts(file, count, work):
    lines = read_texts(file, count)
    return write(work / "texts.txt", lines), lines


def write(path, lines):
    path.write_text("".join(line + "\n" for line in lines))
    return path


def join(lines, count):
    """Texts of at least as many words, and so of tokens, as the models take; all sides truncate them there."""
    joined, at = [], 0
    for _ in range(count):
        words = []
        while len(words) < LONG_TOKENS:
            words += lines[at % len(lines)].split()
            at += 1
        joined.append(" ".join(words))
    return joined


def generate(count):
    """Lines of 6 to 34 words, about 25 tokens on average; always the same."""
    words = (
        "the a to and is in it of for on you that my with be at this are just so not have what we all out up time day "
        "good love today new like people going best game night great never again happy bad watch tomorrow world news "
        "team music first think really want know week sunday concert tickets fans finally waiting season friends"
    ).split()
    randomness = random.Random(7)
    lines = []
    for _ in range(count):
        length = min(34, max(6, round(randomness.gauss(19, 6))))
        line = [randomness.choice(words) for _ in range(length)]
        if randomness.random() < 0.4:
            line.insert(0, "@user")
        if randomness.random() < 0.3:
            line.append("#" + randomness.choice(words) + randomness.choice(words))
        lines.append(" ".join(line) + randomness.choice([".", "!", "", "?", " :)"]))
    return lines
