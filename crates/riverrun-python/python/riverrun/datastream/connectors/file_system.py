"""Files, read and written line by line."""

from __future__ import annotations

from typing import Any, NoReturn
import os

from riverrun.common.serialization import Encoder, _check_charset
from riverrun.common.time import Duration, millis_of
from riverrun.datastream._plan import without_effect
from riverrun.datastream.connectors.base import Sink, Source
from riverrun.exceptions import BadInput, NotSupported

__all__ = [
    "BucketAssigner",
    "BulkFormat",
    "FileCompactStrategy",
    "FileCompactor",
    "FileEnumeratorProvider",
    "FileSink",
    "FileSource",
    "FileSourceBuilder",
    "FileSplitAssignerProvider",
    "OutputFileConfig",
    "RollingPolicy",
    "StreamFormat",
    "StreamingFileSink",
]


class StreamFormat:
    """How files are read."""

    @staticmethod
    def text_line_format(charset_name: str = "UTF-8") -> StreamFormat:
        """A record is a line."""
        _check_charset(charset_name)
        return StreamFormat()


class BulkFormat:
    """How files are read many records at a time."""

    def __init__(self, j_bulk_format=None):
        raise NotSupported("bulk formats are not supported yet; use `StreamFormat.text_line_format`")


class FileEnumeratorProvider:
    """How files are found and split."""

    @staticmethod
    def default_splittable_file_enumerator() -> FileEnumeratorProvider:
        return FileEnumeratorProvider()

    @staticmethod
    def default_non_splittable_file_enumerator() -> FileEnumeratorProvider:
        raise NotSupported("files of lines are always split; leave the enumerator out")


class FileSplitAssignerProvider:
    """Who reads which part."""

    @staticmethod
    def locality_aware_split_assigner() -> FileSplitAssignerProvider:
        return FileSplitAssignerProvider()


class FileSourceBuilder:
    """Makes a `FileSource` in steps."""

    def __init__(self, paths: tuple[str, ...]):
        self._paths = [os.fspath(path).removeprefix("file://") for path in paths]
        self._monitor_millis: int | None = None

    def monitor_continuously(self, discovery_interval: Duration) -> FileSourceBuilder:
        """Looks for new files again and again; the stream has no end."""
        self._monitor_millis = millis_of(discovery_interval, "interval of discovery")
        return self

    def process_static_file_set(self) -> FileSourceBuilder:
        """Reads the files that are there, and ends."""
        self._monitor_millis = None
        return self

    def set_file_enumerator(self, file_enumerator: FileEnumeratorProvider) -> FileSourceBuilder:
        without_effect("set_file_enumerator", "files are found as paths, directories and patterns say")
        return self

    def set_split_assigner(self, split_assigner: FileSplitAssignerProvider) -> FileSourceBuilder:
        without_effect("set_split_assigner", "parts of files go to whichever subtask is free")
        return self

    def build(self) -> FileSource:
        return FileSource(self._paths, self._monitor_millis)


class FileSource(Source):
    """The lines of files, of directories, and of what patterns find."""

    def __init__(self, paths: list[str], monitor_millis: int | None):
        self._paths, self._monitor_millis = paths, monitor_millis

    @staticmethod
    def for_record_stream_format(stream_format: StreamFormat, *paths: str) -> FileSourceBuilder:
        if not paths:
            raise BadInput("a file source has no path; give one at least")
        return FileSourceBuilder(paths)

    @staticmethod
    def for_bulk_file_format(bulk_format: BulkFormat, *paths: str) -> FileSourceBuilder:
        raise NotSupported("bulk formats are not supported yet; use `for_record_stream_format`")

    def _read(self, native):
        return native.read_lines(self._paths, self._monitor_millis)


class BucketAssigner:
    """Which directory a record is written to."""

    def __init__(self, kind: str):
        self._kind = kind

    @staticmethod
    def base_path_bucket_assigner() -> BucketAssigner:
        """The sink's own."""
        return BucketAssigner("base")

    @staticmethod
    def date_time_bucket_assigner(format_str: str = "yyyy-MM-dd--HH", timezone_id: str | None = None) -> BucketAssigner:
        """One an hour or a day, in UTC."""
        kinds = {"yyyy-MM-dd--HH": "hour", "yyyy-MM-dd": "day"}
        if format_str not in kinds:
            raise NotSupported(f"buckets are {format_str!r}; 'yyyy-MM-dd--HH' and 'yyyy-MM-dd' are supported")
        if timezone_id not in (None, "UTC"):
            raise NotSupported(f"the time zone of buckets is {timezone_id!r}; UTC is the one that is supported")
        return BucketAssigner(kinds[format_str])


class RollingPolicy:
    """When a file is finished and another one begun."""

    def __init__(self, limits: tuple[int, int, int] | None):
        self._limits = limits

    @staticmethod
    def default_rolling_policy(
        part_size: int = 1024 * 1024 * 128, rollover_interval: int = 60 * 1000, inactivity_interval: int = 60 * 1000
    ) -> RollingPolicy:
        """By bytes, age and rest, in milliseconds."""
        if min(part_size, rollover_interval, inactivity_interval) <= 0:
            raise BadInput("a rolling policy has a limit of 0 or below; give more")
        return RollingPolicy((part_size, rollover_interval, inactivity_interval))

    @staticmethod
    def on_checkpoint_rolling_policy() -> RollingPolicy:
        """With every checkpoint, and at the end."""
        return RollingPolicy(None)


class OutputFileConfig:
    """What files are called."""

    def __init__(self, part_prefix: str, part_suffix: str):
        self._prefix, self._suffix = part_prefix, part_suffix

    @staticmethod
    def builder() -> OutputFileConfig.OutputFileConfigBuilder:
        return OutputFileConfig.OutputFileConfigBuilder()

    def get_part_prefix(self) -> str:
        return self._prefix

    def get_part_suffix(self) -> str:
        return self._suffix

    class OutputFileConfigBuilder:
        def __init__(self):
            self._prefix, self._suffix = "part", ""

        def with_part_prefix(self, prefix: str) -> OutputFileConfig.OutputFileConfigBuilder:
            self._prefix = prefix
            return self

        def with_part_suffix(self, suffix: str) -> OutputFileConfig.OutputFileConfigBuilder:
            self._suffix = suffix
            return self

        def build(self) -> OutputFileConfig:
            return OutputFileConfig(self._prefix, self._suffix)


class FileCompactStrategy:
    """When small files are put together."""

    @staticmethod
    def builder() -> NoReturn:
        raise NotSupported("small files are not put together; choose a rolling policy with larger ones")


class FileCompactor:
    """How small files are put together."""

    @staticmethod
    def concat_file_compactor(file_delimiter: bytes | None = None) -> NoReturn:
        raise NotSupported("small files are not put together; choose a rolling policy with larger ones")

    @staticmethod
    def identical_file_compactor() -> NoReturn:
        raise NotSupported("small files are not put together; choose a rolling policy with larger ones")


class FileSink(Sink):
    """Writes records as lines into the part files of a directory. A finished part is there whole."""

    def __init__(self, builder: FileSink.RowFormatBuilder):
        self._builder = builder

    def get_transformer(self) -> Any:
        return None

    @staticmethod
    def for_row_format(base_path: str, encoder: Encoder) -> FileSink.RowFormatBuilder:
        return FileSink.RowFormatBuilder(base_path, encoder)

    @staticmethod
    def for_bulk_format(base_path: str, writer_factory: Any) -> NoReturn:
        raise NotSupported("bulk formats are not supported yet; use `for_row_format`")

    class RowFormatBuilder:
        def __init__(self, base_path: str, encoder: Encoder):
            if not isinstance(encoder, Encoder):
                raise BadInput(f"a file sink has the encoder {encoder!r}; give `Encoder.simple_string_encoder()`")
            self._path = os.fspath(base_path).removeprefix("file://")
            self._files = OutputFileConfig("part", "")
            self._policy = RollingPolicy.default_rolling_policy()
            self._buckets = BucketAssigner.date_time_bucket_assigner()

        def with_bucket_check_interval(self, interval: int) -> FileSink.RowFormatBuilder:
            """Parts are looked at when their time has come, whatever the interval."""
            without_effect("with_bucket_check_interval", "parts are looked at when their time has come")
            return self

        def with_bucket_assigner(self, bucket_assigner: BucketAssigner) -> FileSink.RowFormatBuilder:
            self._buckets = bucket_assigner
            return self

        def with_output_file_config(self, output_file_config: OutputFileConfig) -> FileSink.RowFormatBuilder:
            self._files = output_file_config
            return self

        def with_rolling_policy(self, rolling_policy: RollingPolicy) -> FileSink.RowFormatBuilder:
            self._policy = rolling_policy
            return self

        def enable_compact(self, strategy: Any, compactor: Any) -> NoReturn:
            raise NotSupported("small files are not put together; choose a rolling policy with larger ones")

        def disable_compact(self) -> FileSink.RowFormatBuilder:
            return self

        def build(self) -> FileSink:
            return FileSink(self)

    def _write(self, stream, text):
        of = self._builder
        files = of._files
        return stream.write_lines(
            of._path, text, files.get_part_prefix(), files.get_part_suffix(), of._policy._limits, of._buckets._kind
        )


class StreamingFileSink:
    """The older sink of files."""

    def __init__(self, *args):
        raise NotSupported("`StreamingFileSink` is the older one; use `FileSink`")

    @staticmethod
    def for_row_format(base_path: str, encoder: Encoder) -> NoReturn:
        raise NotSupported("`StreamingFileSink` is the older one; use `FileSink.for_row_format`")

    @staticmethod
    def for_bulk_format(base_path: str, writer_factory: Any) -> NoReturn:
        raise NotSupported("bulk formats are not supported yet; use `FileSink.for_row_format`")
