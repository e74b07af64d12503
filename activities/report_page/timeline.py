"""Where the time went: one bar per step and round, waits for people and for others among them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from activities.report_page.markup import Html, join, table, tag
from workflows.models.record import RunRecord, StepRecord
from workflows.models.status import StepName, StepStatus
from workflows.quantities import seconds
from workflows.telling import ONCE

_WIDTH: Final = 1000.0
_NARROWEST: Final = 6.0
_SHORTENED: Final = 0.25
"""A wait is drawn at most this long, compared with the work: an hour's wait would hide everything else."""
_LEAST_TURN: Final = timedelta(seconds=1)
_WORDS: Final = {
    StepStatus.IN_PROGRESS: "not ended",
    StepStatus.SUCCEEDED: "ok",
    StepStatus.FAILED: "failed",
    StepStatus.SKIPPED: "skipped",
    StepStatus.PENDING: "not begun",
}


@dataclass(frozen=True)
class Bar:
    """One row of the chart."""

    name: str
    start: datetime
    end: datetime
    kind: str
    """``ok``, ``failed`` or ``wait``; also the class of its colour."""
    outcome: str
    message: str


def timeline(record: RunRecord) -> Html | None:
    """The chart as a table, so that it can be read without seeing it; None before any step ended."""
    bars = _bars(record)
    if not bars:
        return None
    axis = Axis(bars)
    rows = [
        (bar.name, axis.picture(bar), _took(bar), f"{bar.outcome}: {bar.message}".rstrip(": "))
        for bar in bars
    ]
    chart = table("Steps in the order in which they began", ("Step", "When", "Took", "Outcome"), rows)
    total = seconds((axis.end - axis.start).total_seconds())
    note = " Long waits are drawn shorter than they were." if axis.shortened else ""
    return join(
        (tag("p", f"From the first step to the last: {total}.{note}"), tag("div", chart, class_="timeline"))
    )


def _took(bar: Bar) -> str:
    return seconds((bar.end - bar.start).total_seconds())


def _bars(record: RunRecord) -> list[Bar]:
    last = max((s.completed_at for s in record.steps if s.completed_at), default=None)
    shown = [s for s in record.steps if s.started_at and s.status is not StepStatus.SKIPPED]
    bars = [_bar(step, last, many=record.rounds > 1) for step in shown]
    return sorted([*bars, *_turns(record)], key=lambda bar: bar.start)


def _bar(step: StepRecord, last: datetime | None, *, many: bool) -> Bar:
    start = step.started_at or datetime.min
    end = step.completed_at or last or start
    name = f"{step.name}, round {step.round}" if many and step.name not in ONCE else str(step.name)
    if step.name is StepName.APPROVE:
        name = f"{name} (people)"
    kind = "failed" if step.status is StepStatus.FAILED else "wait" if step.name is StepName.APPROVE else "ok"
    return Bar(name, start, max(start, end), kind, _WORDS[step.status], step.message)


def _turns(record: RunRecord) -> Iterable[Bar]:
    """Between the decision on a plan and its first write nothing is done but to wait for the turn."""
    ends = {s.round: s.completed_at for s in record.steps if s.name is StepName.APPROVE and s.completed_at}
    for step in record.steps:
        before = ends.get(step.round)
        began = (
            step.started_at if step.name is StepName.PATCH and step.status is not StepStatus.SKIPPED else None
        )
        if began is not None and before is not None and began - before >= _LEAST_TURN:
            yield Bar(
                "turn", before, began, "wait", "waited", "for its turn on the project, and measured again"
            )


class Axis:
    """Time on paper: work to scale, long waits shortened."""

    def __init__(self, bars: list[Bar]) -> None:
        self.start = min(bar.start for bar in bars)
        self.end = max(bar.end for bar in bars)
        waits = [(bar.start, (bar.end - bar.start).total_seconds()) for bar in bars if bar.kind == "wait"]
        whole = (self.end - self.start).total_seconds()
        most = max(1.0, (whole - sum(length for _, length in waits)) * _SHORTENED)
        self._cuts = [(start, length, length - most) for start, length in waits if length > most]
        self._drawn = max(0.001, whole - sum(cut for _, _, cut in self._cuts))

    @property
    def shortened(self) -> bool:
        """Whether the chart is not to scale."""
        return bool(self._cuts)

    def at(self, instant: datetime) -> float:
        """Where an instant is, 0 to 1000."""
        passed = (instant - self.start).total_seconds()
        for start, length, cut in self._cuts:
            inside = min(max((instant - start).total_seconds(), 0.0), length)
            passed -= cut * inside / length
        return passed / self._drawn * _WIDTH

    def picture(self, bar: Bar) -> Html:
        """The bar at its place."""
        left, right = self.at(bar.start), self.at(bar.end)
        width = max(_NARROWEST, right - left)
        rect = tag(
            "rect",
            x=round(min(left, _WIDTH - width), 1),
            y=1,
            width=round(width, 1),
            height=8,
            class_=bar.kind,
        )
        after = seconds((bar.start - self.start).total_seconds())
        return tag("svg", rect, viewBox=f"0 0 {_WIDTH:g} 10", preserveAspectRatio="none", class_="bar",
                   role="img", aria_label=f"begins after {after}")  # fmt: skip
