"""The usual predicates of retry strategies."""

from typing import Any

__all__ = ["empty_result_predicate", "exception_type_predicate", "has_exception_predicate"]


def empty_result_predicate(result: list) -> bool:
    """Whether there is no result."""
    return not result


def has_exception_predicate(error: Any) -> bool:
    """Whether anything was raised."""
    return error is not None


def exception_type_predicate(error: Any, expected_error_type: type[BaseException]) -> bool:
    """Whether an exception of this type was raised."""
    return isinstance(error, expected_error_type)
