"""Tags of models: `name:version`."""

from __future__ import annotations

from typing import NamedTuple

from riverrun import _native
from riverrun.exceptions import BadInputType

__all__ = ["Tag"]


class Tag(NamedTuple):
    """The tag of a model. Without a version it means the latest one.

    >>> Tag.from_taglike("tweet-sentiment:1.0")
    Tag(name='tweet-sentiment', version='1.0')
    >>> str(Tag("tweet-sentiment"))
    'tweet-sentiment:latest'
    """

    name: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.version or 'latest'}"

    @classmethod
    def from_str(cls, text: str) -> Tag:
        """Reads `name`, `name:latest` or `name:version`.

        Raises:
            BadInput: It is no tag.
        """
        return cls(*_native.parse_tag(text))

    @classmethod
    def from_taglike(cls, tag: str | Tag) -> Tag:
        """A tag as it is, or read from a string.

        Raises:
            BadInput: It is no tag.
        """
        if isinstance(tag, Tag):
            return tag
        if isinstance(tag, str):
            return cls.from_str(tag)
        raise BadInputType(f"a tag is a str such as 'name:version', not {type(tag).__name__}")
