"""Measures Riverrun beside its peers: the same model and texts, in one run whose rounds alternate between the sides.

    python3 bench/peers/run.py [--texts FILE] [--shape minilm,distilbert,bert-base] [--precision f32,bf16,int8,int8-faithful] [--long]

What each row means is in the README beside this file. Needs nothing beyond the standard library; what the peers need is
installed into `envs/` beside this file at the first run. Results also go to `target/peers/results.json`.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from commands import CORES, ROOT, build_measure, pin_to_cores, processor, say
from report import ENCODERS, compare, seed_table, table
from seed import EVERY, LINES, Seed
from sides import Cannot, Encoder, Riverrun
from workload import COST, FEWEST, LONG_COST, SHAPES, join, make_model, read_texts, write

PRECISIONS = ("f32", "bf16", "int8", "int8-faithful")
PEERS = (*ENCODERS, "seed")
AGREEMENT = 0.999


class Run:
    """What a run measured: its cases, and what went wrong or cannot be."""

    def __init__(self, arguments, work):
        self.arguments, self.work = arguments, work
        self.cases, self.agreement, self.loads, self.failures, self.cannot, self.seed_rounds = [], [], [], [], {}, []

    def sides(self, binary, shape, model, lines, calibration):
        """All sides that take part: Riverrun in each precision, and each peer once in each that it has."""
        texts = write(self.work / "texts.txt", lines)
        first = write(self.work / "first.txt", lines[:5])
        calibration = write(self.work / "calibration.txt", calibration)
        precisions = self.arguments.precision
        makers = [lambda precision=precision: Riverrun(binary, model, texts, first, precision) for precision in precisions]
        for peer in self.arguments.peers:
            if peer == "seed":
                if shape == "minilm" and "f32" in precisions:
                    some = write(self.work / "seed-texts.txt", lines[:LINES])
                    makers.append(lambda: Seed(model, some, first, self.work))
                continue
            for precision in dict.fromkeys(precision.removesuffix("-faithful") for precision in precisions):
                makers.append(lambda peer=peer, precision=precision: Encoder(peer, model, texts, calibration, self.work, precision))
        sides = []
        for make in makers:
            try:
                sides.append(make())
            except RuntimeError as error:
                self.fail(f"{shape}: {error}")
        return sides

    def fail(self, message):
        self.failures.append(message)
        say(message)

    def measure(self, shape, sides):
        rounds, outputs = [], {}
        for number in range(self.arguments.rounds):
            # Each second round the other way round, so that what drifts does not drift against one side.
            figures = {}
            for side in list(sides) if number % 2 == 0 else list(reversed(sides)):
                if side.name == "seed" and number % EVERY != 0:
                    continue
                load, started = os.getloadavg()[0], time.monotonic()
                try:
                    figures[side.name], outputs[side.name] = side.measure()
                except Cannot as reason:
                    self.cannot[side.name] = str(reason)
                    sides.remove(side)
                    continue
                except RuntimeError as error:
                    self.fail(f"{shape}: {side.name}: {error}")
                    sides.remove(side)
                    continue
                seconds = time.monotonic() - started
                say(f"{shape}, round {number + 1} of {self.arguments.rounds}: {side.name}, {seconds:.0f} s, load before {load:.1f}")
                self.loads.append(load)
            rounds.append(figures)
        for precision in self.arguments.precision:
            self.cases.append({"shape": shape, "precision": precision, "rounds": rounds})
        if any("seed" in one for one in rounds):
            self.seed_rounds = rounds
        self.check(shape, outputs)

    def check(self, shape, outputs):
        """Compares all outputs with Riverrun's in f32, or in its first precision where f32 is not measured."""
        reference = f"riverrun {'f32' if 'f32' in self.arguments.precision else self.arguments.precision[0]}"
        if reference not in outputs:
            return
        for side, theirs in outputs.items():
            if side == reference:
                continue
            share, difference = compare(theirs, outputs[reference])
            entry = {"shape": shape, "side": side, "beside": reference, "best_label": share, "largest_score_difference": difference}
            self.agreement.append(entry | {"lines": len(theirs)})
            if share < AGREEMENT and reference.endswith(" f32") and (side.endswith(" f32") or side == "seed"):
                self.fail(f"{shape}: {side} and Riverrun agree on {share:.2%} only; the figures do not compare")

    def report(self):
        text, _ = table(self.cases, self.arguments.long)
        print(f"{self.arguments.rounds} rounds, medians; tokenization inside on all sides")
        print(f"{processor()}, {CORES} cores, load {min(self.loads):.1f} to {max(self.loads):.1f}; a ratio above 1 is in Riverrun's favour\n")
        print(text + "\n")
        if seed := seed_table(self.seed_rounds):
            print(seed + "\n")
        for one in self.agreement:
            print("{shape}: {side} beside {beside}: best label agrees on {best_label:.2%} of {lines} texts, "
                  "scores within {largest_score_difference:.1e}".format(**one))
        for reason in self.cannot.values():
            print(f"not measured: {reason}")
        for failure in self.failures:
            print(f"FAILED: {failure}")

    def save(self):
        """After each shape: what is measured stays when the run ends early."""
        _, rows = table(self.cases, self.arguments.long)
        result = {
            "processor": processor(), "cores": CORES, "table": rows, "agreement": self.agreement, "cases": self.cases,
            "load_before": self.loads, "cannot": self.cannot, "failures": self.failures,
        }
        (self.work / ("results-long.json" if self.arguments.long else "results.json")).write_text(json.dumps(result, indent=1) + "\n")


def listed(allowed):
    def parse(text):
        names = [name for name in text.split(",") if name]
        if unknown := [name for name in names if name not in allowed]:
            raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(allowed)}")
        return names

    return parse


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, help="one text per line; without it, generated lines")
    parser.add_argument("--head", type=Path, help="classifier.safetensors for MiniLM-L6; without it, random numbers")
    parser.add_argument("--shape", type=listed(SHAPES), default=["minilm"], help=f"of {', '.join(SHAPES)}, with commas between; default: minilm")
    parser.add_argument("--precision", type=listed(PRECISIONS), default=["f32"], help=f"of {', '.join(PRECISIONS)}, Riverrun's; default: f32")
    parser.add_argument("--peers", type=listed(PEERS), default=list(ENCODERS), help=f"of {', '.join(PEERS)}; default: all but seed")
    parser.add_argument("--long", action="store_true", help="texts of 512 tokens instead, which are lines joined")
    parser.add_argument("--lines", type=int, default=512, help="how many texts MiniLM-L6 gets, larger shapes fewer; default: 512")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--measure", type=Path, help="the example `measure`, built before; without it, it is built")
    return parser.parse_args()


def main():
    arguments = parse()
    work = ROOT / "target" / "peers"
    work.mkdir(parents=True, exist_ok=True)
    binary = arguments.measure or build_measure()
    lines = read_texts(arguments.texts, arguments.lines)
    this = Run(arguments, work)
    pin_to_cores()
    for shape in arguments.shape:
        model = make_model(shape, arguments.head, work)
        count = len(lines) // COST.get(shape, 1)
        texts = join(lines, max(FEWEST, count // LONG_COST)) if arguments.long else lines[: max(FEWEST, count)]
        this.measure(shape, this.sides(binary, shape, model, texts, lines))
        this.save()
    this.report()
    sys.exit(1 if this.failures else 0)


if __name__ == "__main__":
    main()
