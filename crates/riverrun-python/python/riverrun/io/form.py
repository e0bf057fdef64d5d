"""`multipart/form-data`, read and written."""

from __future__ import annotations

from email.message import Message
from email.parser import HeaderParser
from typing import NamedTuple
from urllib.parse import quote

from riverrun.exceptions import BadInput
from riverrun.io.base import Body

__all__ = ["MULTIPART", "Part", "read_form", "write_form"]

MULTIPART = "multipart/form-data"

_MAX_PARTS = 1000
_MAX_HEADERS = 16 << 10


class Part(NamedTuple):
    """A part of a form."""

    name: str
    body: Body


def read_form(body: Body) -> list[Part]:
    """The parts, in their order.

    Raises:
        BadInput: It is no form, or not all of one.
    """
    header = Message()
    header["content-type"] = body.content_type
    boundary = header.get_boundary()
    if not boundary:
        raise BadInput(f"the content type `{MULTIPART}` has no boundary; let the HTTP client write that header itself")
    try:
        delimiter = b"\r\n--" + boundary.encode("ascii")
    except UnicodeEncodeError as error:
        raise BadInput("the boundary of the form has characters beyond ASCII") from error
    # The first delimiter need not have a line break before it.
    preamble, *pieces = (b"\r\n" + body.content).split(delimiter, _MAX_PARTS + 2)
    if not pieces:
        raise BadInput("the body has none of the boundaries that its content type announces; send a form of several parts")
    if len(pieces) > _MAX_PARTS + 1:
        raise BadInput(f"the form has more than {_MAX_PARTS} parts")
    parts = []
    for piece in pieces:
        if piece.startswith(b"--"):
            return parts
        parts.append(_part(piece, len(parts)))
    raise BadInput("the form ends before its closing boundary; send all of it")


def _part(piece: bytes, index: int) -> Part:
    # Blanks may stand behind a boundary.
    padding, line_break, rest = piece.partition(b"\r\n")
    if padding.strip(b" \t") or not line_break:
        raise BadInput(f"part {index} of the form does not begin with a line of its own")
    # A part without headers begins with the empty line.
    head, empty_line, content = (b"\r\n" + rest).partition(b"\r\n\r\n")
    if not empty_line or len(head) > _MAX_HEADERS:
        raise BadInput(f"part {index} of the form has no end of its headers")
    headers = HeaderParser().parsestr(head.decode("utf-8", "replace").lstrip("\r\n"), headersonly=True)
    name = headers.get_param("name", header="content-disposition")
    if name is None:
        raise BadInput(f"part {index} of the form has no name; give it one in its `Content-Disposition`")
    if isinstance(name, tuple):
        name = name[2]
    return Part(str(name), Body(content, headers.get("content-type", ""), headers.get_filename()))


def write_form(parts: list[Part]) -> Body:
    """The parts as one body."""
    import secrets

    boundary = secrets.token_hex(16)
    written = []
    for name, body in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{quote(name, safe=" !#$&()+,/:;=?@[]~")}"'
        if body.filename is not None:
            head += f'; filename="{quote(body.filename, safe=" ()+,=@[]~")}"'
        head += f"\r\nContent-Type: {body.content_type}\r\nContent-Length: {len(body.content)}\r\n\r\n"
        written += [head.encode(), body.content, b"\r\n"]
    written.append(f"--{boundary}--\r\n".encode())
    return Body(b"".join(written), f"{MULTIPART}; boundary={boundary}")
