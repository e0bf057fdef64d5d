"""What goes wrong, as exceptions.

All are a `RiverrunError`. Each is also the built-in exception that a Python program expects there, so both work::

    try:
        runner.run(text)
    except riverrun.exceptions.BadInput: ...
    except ValueError: ...

An exception of your own code (a model, a stream's function) arrives as it was raised, with its traceback.

    RiverrunError
    ├── NotFound            (LookupError)          no such model, version or file of one
    ├── AlreadyExists       (FileExistsError)      a tag that is taken
    ├── BadInput            (ValueError)           a value that cannot be: a tag, an option, an item
    │   └── BadInputType    (TypeError)            a value of another type
    ├── ModelError          (ValueError)           a model that is damaged, incomplete, or of a kind that is not implemented
    ├── StateError          (RuntimeError)         not now: not initialised, initialised twice, after a fork
    ├── ComputeError        (RuntimeError)         the model could not compute an item
    ├── UnknownMethod       (AttributeError)       a method that a runner does not have
    ├── NotSupported        (NotImplementedError)  something that Riverrun does not do, or not yet
    ├── MissingDependency   (ImportError)          a package that only this needs is not installed
    ├── StoreError          (OSError)              the disk stands in the way
    ├── RemoteError         (ConnectionError)      a service gave no result
    ├── TimedOut            (TimeoutError)         no result in time
    ├── QueueFull           (RuntimeError)         more requests wait than may
    └── InternalError       (RuntimeError)         a bug in Riverrun

>>> issubclass(BadInput, RiverrunError) and issubclass(BadInput, ValueError)
True
"""

__all__ = [
    "AlreadyExists",
    "BadInput",
    "BadInputType",
    "BentoMLException",
    "ComputeError",
    "InternalError",
    "InvalidArgument",
    "MissingDependency",
    "MissingDependencyException",
    "ModelError",
    "NotFound",
    "NotSupported",
    "QueueFull",
    "RemoteError",
    "RiverrunError",
    "StateError",
    "StateException",
    "StoreError",
    "TimedOut",
    "UnknownMethod",
]


class RiverrunError(Exception):
    """Any error of Riverrun."""

    error_code = 500
    """The status of HTTP that a service answers with when one of its functions raises it."""


class NotFound(RiverrunError, LookupError):
    """There is no model, version or file of this name."""

    error_code = 404


class AlreadyExists(RiverrunError, FileExistsError):
    """A model has this tag already."""

    error_code = 409


class BadInput(RiverrunError, ValueError):
    """A value that cannot be."""

    error_code = 400


class BadInputType(BadInput, TypeError):
    """A value of a type that cannot be."""


class ModelError(RiverrunError, ValueError):
    """A model that cannot be used."""


class StateError(RiverrunError, RuntimeError):
    """It cannot be done now, but before or after something else."""


class ComputeError(RiverrunError, RuntimeError):
    """The model could not compute an item."""


class UnknownMethod(RiverrunError, AttributeError):
    """A runner has no such method."""


class NotSupported(RiverrunError, NotImplementedError):
    """Riverrun does not do this, or not yet."""


class MissingDependency(RiverrunError, ImportError):
    """A package that only this needs is not installed."""


class StoreError(RiverrunError, OSError):
    """The store of models cannot be read or written."""


class RemoteError(RiverrunError, ConnectionError):
    """A service gave no result."""

    error_code = 503


class TimedOut(RiverrunError, TimeoutError):
    """There was no result in time."""

    error_code = 504


class QueueFull(RiverrunError, RuntimeError):
    """More requests wait than may."""

    error_code = 429


class InternalError(RiverrunError, RuntimeError):
    """A bug in Riverrun."""


# As BentoML calls them.
BentoMLException = RiverrunError
InvalidArgument = BadInput
StateException = StateError
MissingDependencyException = MissingDependency
