"""Names of settings with the type of their values."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["ConfigOption", "ConfigOptions"]

T = TypeVar("T")


class ConfigOption(Generic[T]):
    """The name of a setting, the type of its value, and its default."""

    def __init__(self, key: str, kind: type, default: T | None):
        self.key, self.kind, self.default = key, kind, default


class ConfigOptions:
    """Makes a `ConfigOption` in steps.

    >>> ConfigOptions.key("my.limit").int_type().default_value(5).default
    5
    """

    def __init__(self, key: str):
        self._key = key

    @staticmethod
    def key(key: str) -> ConfigOptions.OptionBuilder:
        return ConfigOptions.OptionBuilder(key)

    class OptionBuilder:
        def __init__(self, key: str):
            self._key = key

        def _typed(self, kind: type) -> ConfigOptions.TypedConfigOptionBuilder:
            return ConfigOptions.TypedConfigOptionBuilder(self._key, kind)

        def boolean_type(self) -> ConfigOptions.TypedConfigOptionBuilder[bool]:
            return self._typed(bool)

        def int_type(self) -> ConfigOptions.TypedConfigOptionBuilder[int]:
            return self._typed(int)

        def long_type(self) -> ConfigOptions.TypedConfigOptionBuilder[int]:
            return self._typed(int)

        def float_type(self) -> ConfigOptions.TypedConfigOptionBuilder[float]:
            return self._typed(float)

        def double_type(self) -> ConfigOptions.TypedConfigOptionBuilder[float]:
            return self._typed(float)

        def string_type(self) -> ConfigOptions.TypedConfigOptionBuilder[str]:
            return self._typed(str)

    class TypedConfigOptionBuilder(Generic[T]):
        def __init__(self, key: str, kind: type):
            self._key, self._kind = key, kind

        def default_value(self, value: T) -> ConfigOption[T]:
            return ConfigOption(self._key, self._kind, value)

        def no_default_value(self) -> ConfigOption[T]:
            return ConfigOption(self._key, self._kind, None)
