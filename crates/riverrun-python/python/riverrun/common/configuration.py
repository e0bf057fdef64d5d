"""Settings by name."""

from __future__ import annotations

from riverrun.exceptions import NotSupported

__all__ = ["Configuration"]


class Configuration:
    """Settings by name, kept as strings.

    >>> Configuration().set_integer("parallelism.default", 2).get_integer("parallelism.default", 1)
    2
    """

    def __init__(self, other: Configuration | None = None, j_configuration=None):
        if j_configuration is not None:
            raise NotSupported("a configuration of Java's is for Flink; give the settings by their names")
        self._settings: dict[str, str] = dict(other._settings) if other is not None else {}

    @classmethod
    def from_dict(cls, map: dict[str, str]) -> Configuration:
        configuration = cls()
        for key, value in map.items():
            configuration._set(key, value, str)
        return configuration

    def _set(self, key: str, value, kind: type) -> Configuration:
        if not isinstance(key, str) or (isinstance(value, bool) and kind is not bool) or not isinstance(value, kind):
            raise TypeError(f"the setting {key!r} is {value!r}; a name and a value of type `{kind.__name__}` belong here")
        self._settings[key] = str(value).lower() if kind is bool else str(value)
        return self

    def get_string(self, key: str, default_value: str | None) -> str | None:
        return self._settings.get(key, default_value)

    def set_string(self, key: str, value: str) -> Configuration:
        return self._set(key, value, str)

    @staticmethod
    def parse_list_value(value: str) -> list[str]:
        """The parts of a list, which a semicolon or a comma separates.

        >>> Configuration.parse_list_value("a;b")
        ['a', 'b']
        """
        if not value:
            return []
        if value.startswith("["):
            value = value[1:-1]
        separator = ";" if ";" in value else ","
        return [part.strip() for part in value.split(separator)]

    def get_integer(self, key: str, default_value: int | None) -> int | None:
        return int(self._settings[key]) if key in self._settings else default_value

    def set_integer(self, key: str, value: int) -> Configuration:
        return self._set(key, value, int)

    def get_boolean(self, key: str, default_value: bool | None) -> bool | None:
        return self._settings[key].lower() == "true" if key in self._settings else default_value

    def set_boolean(self, key: str, value: bool) -> Configuration:
        return self._set(key, value, bool)

    def get_float(self, key: str, default_value: float | None) -> float | None:
        return float(self._settings[key]) if key in self._settings else default_value

    def set_float(self, key: str, value: float) -> Configuration:
        return self._set(key, float(value) if isinstance(value, int) else value, float)

    def get_bytearray(self, key: str, default_value: bytearray | None) -> bytearray | None:
        return bytearray.fromhex(self._settings[key]) if key in self._settings else default_value

    def set_bytearray(self, key: str, value: bytearray) -> Configuration:
        self._settings[key] = bytes(value).hex()
        return self

    def key_set(self) -> set[str]:
        return set(self._settings)

    def add_all_to_dict(self, target_dict: dict) -> None:
        target_dict.update(self._settings)

    def add_all(self, other: Configuration, prefix: str | None = None) -> Configuration:
        self._settings.update({(prefix or "") + key: value for key, value in other._settings.items()})
        return self

    def contains_key(self, key: str) -> bool:
        return key in self._settings

    def to_dict(self) -> dict[str, str]:
        return dict(self._settings)

    def remove_config(self, key: str) -> bool:
        return self._settings.pop(key, None) is not None

    def __eq__(self, other):
        return isinstance(other, Configuration) and self._settings == other._settings

    def __hash__(self):
        return hash(frozenset(self._settings.items()))

    def __str__(self):
        return str(self._settings)
