"""Where checkpoints are kept, which the local host does not take yet."""

from riverrun.exceptions import NotSupported

__all__ = [
    "CheckpointStorage",
    "CustomCheckpointStorage",
    "FileSystemCheckpointStorage",
    "JobManagerCheckpointStorage",
]


class CheckpointStorage:
    """PyFlink's handle of a Java class, which runs inside Flink only."""

    def __init__(self, *args, **kwargs):
        raise NotSupported(f"`{type(self).__name__}` is Flink's; on the local host leave it out")


class JobManagerCheckpointStorage(CheckpointStorage):
    """As `CheckpointStorage`."""


class FileSystemCheckpointStorage(CheckpointStorage):
    """As `CheckpointStorage`."""


class CustomCheckpointStorage(CheckpointStorage):
    """As `CheckpointStorage`."""
