"""The same program inside Apache Flink: with ``RIVERRUN_HOST=flink`` the modules under PyFlink's names are PyFlink's own."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import os
import sys

_OURS = ("riverrun.common", "riverrun.datastream", "riverrun.table")


def is_chosen() -> bool:
    """Whether the environment asks for Apache Flink as the host.

    >>> is_chosen()
    False
    """
    host = os.environ.get("RIVERRUN_HOST", "local").lower()
    if host not in ("local", "flink"):
        raise ValueError(f"RIVERRUN_HOST is {host!r}; it can be 'local', which is the default, or 'flink'")
    return host == "flink"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``pyflink.x`` where ``riverrun.x`` is asked for."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname in _OURS or fullname.startswith(tuple(f"{name}." for name in _OURS)):
            return importlib.util.spec_from_loader(fullname, self)
        return None

    def create_module(self, spec):
        module = _pyflink(spec.name)
        # The machinery writes its own notes on the module it loads, and this one has been loaded under its own name.
        self._notes = {name: getattr(module, name, None) for name in ("__name__", "__spec__", "__loader__", "__package__")}
        return module

    def exec_module(self, module):
        for name, value in self._notes.items():
            setattr(module, name, value)


def _pyflink(name: str):
    try:
        return importlib.import_module("pyflink" + name.removeprefix("riverrun"))
    except ModuleNotFoundError as error:
        if error.name != "pyflink":
            raise
        raise ImportError(
            "RIVERRUN_HOST is 'flink', and PyFlink is not installed; `pip install apache-flink`, or unset RIVERRUN_HOST"
        ) from error


def replace(name: str) -> bool:
    """Puts PyFlink's module in the place of ours, if Flink is the host, and has its submodules found there too."""
    if not is_chosen():
        return False
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    sys.modules[name] = _pyflink(name)
    return True
