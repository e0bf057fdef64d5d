"""Settings of a program's execution."""

from __future__ import annotations

from riverrun.exceptions import NotSupported

__all__ = ["ExecutionConfig"]


class ExecutionConfig:
    """Settings of a program's execution. Got from `StreamExecutionEnvironment.get_config`."""

    PARALLELISM_DEFAULT = -1
    PARALLELISM_UNKNOWN = -2

    def __init__(self, environment):
        self._environment = environment
        self._parameters: dict[str, str] = {}
        self._auto_watermark_interval = 200

    def set_auto_watermark_interval(self, interval: int) -> ExecutionConfig:
        """Milliseconds between two watermarks."""
        if interval < 0:
            raise ValueError(f"the interval between watermarks is {interval} ms; give at least 0")
        self._auto_watermark_interval = interval
        return self

    def get_auto_watermark_interval(self) -> int:
        return self._auto_watermark_interval

    def get_parallelism(self) -> int:
        return self._environment.get_parallelism()

    def set_parallelism(self, parallelism: int) -> ExecutionConfig:
        self._environment.set_parallelism(parallelism)
        return self

    def get_max_parallelism(self) -> int:
        return self._environment.get_max_parallelism()

    def set_max_parallelism(self, max_parallelism: int) -> ExecutionConfig:
        self._environment.set_max_parallelism(max_parallelism)
        return self

    def enable_object_reuse(self) -> ExecutionConfig:
        """It is always so: operators of one process hand on the same object."""
        return self

    def disable_object_reuse(self) -> ExecutionConfig:
        raise NotSupported("objects are handed on as they are; copy what a function changes")

    def is_object_reuse_enabled(self) -> bool:
        return True

    def get_global_job_parameters(self) -> dict[str, str]:
        return dict(self._parameters)

    def set_global_job_parameters(self, global_job_parameters_dict: dict) -> ExecutionConfig:
        """What functions read with `RuntimeContext.get_job_parameter`."""
        self._parameters = {str(key): str(value) for key, value in global_job_parameters_dict.items()}
        return self

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotSupported(f"`ExecutionConfig.{name}` has no meaning on the local host; leave it out")
