"""What happens after a failure. The local host does not restart jobs yet."""

from riverrun.exceptions import NotSupported

__all__ = ["RestartStrategies", "RestartStrategyConfiguration"]


class RestartStrategyConfiguration:
    """What happens after a failure."""

    def __init__(self, description: str):
        self._description = description

    def get_description(self) -> str:
        return self._description


class RestartStrategies:
    """The strategies by name."""

    @staticmethod
    def no_restart() -> RestartStrategyConfiguration:
        """A failure ends the job."""
        return RestartStrategyConfiguration("Restart deactivated.")

    @staticmethod
    def fall_back_restart() -> RestartStrategyConfiguration:
        """The default, which is no restart."""
        return RestartStrategies.no_restart()

    @staticmethod
    def fixed_delay_restart(restart_attempts: int, delay_between_attempts: int) -> RestartStrategyConfiguration:
        raise NotSupported("the local host does not restart jobs yet; start the program again")

    @staticmethod
    def failure_rate_restart(
        failure_rate: int, failure_interval: int, delay_interval: int
    ) -> RestartStrategyConfiguration:
        raise NotSupported("the local host does not restart jobs yet; start the program again")
