"""The program as it is written, and how the engine's graph is built of it.

A stream knows how it is made of others. The graph is built anew for each `execute`, so that a stream can be used again after
one, as in Flink.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

from riverrun.exceptions import BadInput


class Node:
    """One operator of the program: how to build it, and its options."""

    __slots__ = ("build", "environment", "inputs", "is_operator", "is_sink", "name", "options", "parallelism")

    def __init__(self, environment, build: Callable, inputs: list[Node], *, name: str, is_operator=True, is_sink=False):
        self.environment = environment
        self.build = build
        self.inputs = inputs
        self.name = name
        self.options: dict[str, object] = {}
        self.parallelism = environment.get_parallelism()
        self.is_operator = is_operator
        self.is_sink = is_sink
        for one in inputs:
            if one.environment is not environment:
                raise BadInput("two streams of different environments meet; build both from the same `StreamExecutionEnvironment`")
        if is_operator or is_sink:
            environment._nodes.append(self)


class Graph:
    """The engine's graph while it is built."""

    def __init__(self, native):
        self.native = native
        self._built: dict[int, object] = {}
        self._read: set[int] = set()

    def stream(self, node: Node):
        """What the node makes, built once."""
        if id(node) not in self._built:
            inputs = [self.stream(one) for one in node.inputs]
            self._read.update(id(one) for one in node.inputs)
            self.native.set_parallelism(node.parallelism)
            built = node.build(self, *inputs)
            for option, value in node.options.items():
                getattr(built, option)(*(() if value is None else (value,)))
            self._built[id(node)] = built
        return self._built[id(node)]

    def build(self, nodes: list[Node]):
        """Builds these and all they read. What nobody reads runs for what it does."""
        for node in nodes:
            self.stream(node)
        if any(node.is_sink for node in nodes):
            return
        for node in nodes:
            if id(node) not in self._read:
                self.stream(node).discard()


def without_effect(what: str, why: str):
    """Says that something was asked for that has no effect here."""
    warnings.warn(f"`{what}` has no effect on the local host: {why}", RuntimeWarning, stacklevel=3)
