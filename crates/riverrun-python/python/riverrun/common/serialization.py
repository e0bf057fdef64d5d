"""How records are written to and read from connectors."""

from __future__ import annotations

from riverrun.exceptions import NotSupported

__all__ = [
    "BulkWriterFactory",
    "ByteArraySchema",
    "DeserializationSchema",
    "Encoder",
    "RowDataBulkWriterFactory",
    "SerializationSchema",
    "SimpleStringSchema",
]


class SerializationSchema:
    """Makes bytes of records."""


class DeserializationSchema:
    """Makes records of bytes."""


def _check_charset(charset: str):
    if charset.upper() not in ("UTF-8", "UTF8"):
        raise NotSupported(f"the charset is {charset!r}, and UTF-8 is the one that is supported")


class SimpleStringSchema(SerializationSchema, DeserializationSchema):
    """Strings as UTF-8."""

    def __init__(self, charset: str = "UTF-8"):
        _check_charset(charset)


class ByteArraySchema(SerializationSchema, DeserializationSchema):
    """Bytes as they are."""


class Encoder:
    """Writes records into files, a line each."""

    @staticmethod
    def simple_string_encoder(charset_name: str = "UTF-8") -> Encoder:
        """The text of a record, as `DataStream.print` prints it."""
        _check_charset(charset_name)
        return Encoder()


class BulkWriterFactory:
    """PyFlink's handle of a Java writer."""

    def __init__(self, j_bulk_writer_factory):
        raise NotSupported("bulk formats are not supported yet; use `FileSink.for_row_format`")


class RowDataBulkWriterFactory(BulkWriterFactory):
    """As `BulkWriterFactory`."""

    def __init__(self, j_bulk_writer_factory, row_type):
        super().__init__(j_bulk_writer_factory)
