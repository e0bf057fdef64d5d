"""Where a stream meets a runner: what is asked for a record, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from riverrun import batches
from riverrun.exceptions import BadInputType
from riverrun.model_runner import ModelRunner
from riverrun.runner import Runner, RunnerMethod
from riverrun.stored_runner import StoredRunner


def building(runner: Any, take: Callable | None, ordered: bool, capacity: int | None) -> Callable:
    """What adds the operator to a stream of the native side.

    Raises:
        BadInputType: It is no runner.
    """
    if take is not None and not callable(take):
        raise BadInputType(f"`infer` takes a function that gives the text of a record, and {take!r} was given")
    owner = runner.runner if isinstance(runner, RunnerMethod) else runner
    if isinstance(owner, ModelRunner):
        return lambda graph, stream: stream.infer(owner._native, take, ordered, capacity, owner._unpacked)
    if not isinstance(owner, (StoredRunner, Runner)):
        raise BadInputType(f"`infer` takes a runner, or a method of one such as `runner.predict`, and {runner!r} was given")
    if not owner.is_initialised:
        owner.init_local()
    if isinstance(owner, StoredRunner):
        item = _taken(take, owner._packed)
        return lambda graph, stream: stream.infer_task(
            owner._native, owner._gives_tensors(), item, ordered, capacity, owner._unpacked
        )
    name = runner.name if isinstance(runner, RunnerMethod) else owner._default().name
    config = owner._methods[name]

    def pack(value):
        return batches.call_of_one(name, config, value), 1

    def unpack(result):
        return batches.only(result, config)

    item = _taken(take, pack)
    return lambda graph, stream: stream.infer_call(owner._native_of(name), name, item, ordered, capacity, unpack)


def _taken(take: Callable | None, pack: Callable) -> Callable:
    return pack if take is None else lambda record: pack(take(record))
