"""Finding the service that a command line names."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

from riverrun.exceptions import BadInput, NotFound
from riverrun.service.service import Service

__all__ = ["load"]


def load(target: str) -> Service:
    """The service `module:variable`, or the only one of `module`. The module is a file (`app/service.py`) or a name
    (`app.service`), which is looked for in the current directory first, as Python does.

    Raises:
        NotFound: There is no such module or variable.
        BadInput: The variable is no service, or it is not clear which is meant.
        Exception: What the module itself raises.
    """
    path, _, variable = target.partition(":")
    module = _module(path)
    services = {name: value for name, value in vars(module).items() if isinstance(value, Service)}
    if not variable:
        different = {id(service): service for service in services.values()}
        if len(different) == 1:
            return next(iter(different.values()))
        if not services:
            raise NotFound(f"{path} has no service; make one with `svc = riverrun.Service(…)` at its top level")
        raise BadInput(f"{path} has several services: {', '.join(services)}; say which, as {path}:{next(iter(services))}")
    if variable in services:
        return services[variable]
    if hasattr(module, variable):
        raise BadInput(f"{target} is a {type(getattr(module, variable)).__name__}, not a riverrun.Service")
    raise NotFound(f"{path} has no `{variable}`; its services are: {', '.join(services) or 'none'}")


def _module(path: str) -> ModuleType:
    directory, file = os.path.split(path)
    name = file.removesuffix(".py")
    if file.endswith(".py") and not os.path.isfile(path):
        raise NotFound(f"there is no file {path}")
    if directory and not os.path.isdir(directory):
        raise NotFound(f"there is no directory {directory}")
    sys.path.insert(0, os.path.abspath(directory))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # One that the module itself wants is another matter.
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise
        raise NotFound(f"there is no module {name}, here or where Python looks for installed ones") from error
