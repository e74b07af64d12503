"""A sink that keeps what it was told, and samples of runs to tell about."""

from datetime import timedelta

from activities.adapters.series import Series
from tests.unit.state_samples import NOW
from workflows.models.record import RunRecord, StepRecord
from workflows.models.status import RunStatus, StepName, StepStatus


class Told:
    """Every number, under its StatsD name."""

    def __init__(self) -> None:
        self.counted: list[str] = []
        self.timed: dict[str, float] = {}
        self.gauges: dict[str, float] = {}

    def count(self, series: Series, *labels: str) -> None:
        """One more."""
        self.counted.append(series.statsd(*labels))

    def time(self, series: Series, seconds: float, *labels: str) -> None:
        """So long."""
        self.timed[series.statsd(*labels)] = seconds

    def gauge(self, series: Series, value: float, *labels: str) -> None:
        """So many."""
        self.gauges[series.statsd(*labels)] = value

    def flush(self, seconds: float) -> None:
        """Nothing waits."""


def step(name: StepName, status: StepStatus, seconds: float) -> StepRecord:
    """A step of that length."""
    return StepRecord(name=name, status=status, started_at=NOW, completed_at=NOW + timedelta(seconds=seconds))


def rolled_back(run_id: str = "r") -> RunRecord:
    """A run of twelve seconds whose verification failed."""
    return RunRecord(
        run_id=run_id, workflow_id="w", instruction="x", status=RunStatus.ROLLED_BACK, created_at=NOW,
        completed_at=NOW + timedelta(seconds=12),
        steps=(
            step(StepName.VERIFY, StepStatus.FAILED, 2.5),
            step(StepName.ROLLBACK, StepStatus.SUCCEEDED, 1),
            step(StepName.APPROVE, StepStatus.SKIPPED, 0),
            StepRecord(name=StepName.REPORT),
        ),
    )  # fmt: skip
