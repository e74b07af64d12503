"""Which series may do what, and whether it did.

A series of the worker process must be flat in each of its lives. What runs make and give back must be as at
the start once nothing is under way. What grows by design must go when `clean` is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pydantic import BaseModel

from activities.holding import KEPT_RUNS
from tests.soak.sample import Sample
from tests.soak.trend import PER_RUNS, Verdict, judge

TOLERANCES = {
    "worker_rss_mib": 2.0,
    "worker_descriptors": 0.5,
    "worker_threads": 0.5,
    "history_events": 1.0,
    "history_bytes": 1024.0,
}
"""Series -> slope per 100 runs that is no leak yet."""
RETURNS = (
    "containers", "images", "dangling_images", "tags", "held_tags_without_holder", "networks", "volumes",
    "worker_children", "temporary_files", "open_workflows", "children_entries", "spool_entries",
    "outbox_entries",
)  # fmt: skip
"""What must be as at the start. Images that the last repairs of a service hold are counted apart."""
HELD = "holding_runs_of_a_service"
CLEANED = ("journals_entries", "artifacts_files", "plans_files")
"""What grows by design, with each run, until `clean`."""


class Judged(BaseModel):
    """One series of a stretch."""

    series: str
    rule: str
    first: float
    last: float
    samples: int
    slope: float | None = None
    """Per 100 runs; None where not the slope is judged."""
    verdict: str


def judged(samples: Sequence[Sample], cleaned: Sample | None) -> list[Judged]:
    """Every series; ``cleaned`` is the look after `clean`."""
    return [*_trends(samples), *_returned(samples), *_brought_back(samples, cleaned), *_told(samples)]


def leaks(found: Sequence[Judged]) -> list[str]:
    """What is wrong, in words."""
    return [
        f"{one.series}: {one.first:g} to {one.last:g}, {one.rule}"
        for one in found
        if one.verdict == Verdict.LEAK
    ]


def _trends(samples: Sequence[Sample]) -> Iterator[Judged]:
    """The longest life of the worker tells most; every other must not contradict it."""
    for series, tolerance in TOLERANCES.items():
        lives = [list(group) for _, group in groupby(samples, key=lambda one: one.life)]
        if series.startswith("history"):
            lives = [list(samples)]
        told = [[one for one in life if series in one.numbers] for life in lives]
        rows = [_trend(series, life, tolerance) for life in told if life]
        if rows:
            rows.sort(key=lambda row: (row.verdict == Verdict.LEAK, row.samples))
            yield rows[-1]


def _trend(series: str, life: Sequence[Sample], tolerance: float) -> Judged:
    values = [one.numbers[series] for one in life]
    trend = judge([one.runs for one in life], values, tolerance)
    rule = f"at most +{tolerance:g} per {PER_RUNS} runs"
    slope = None if trend.verdict is Verdict.TOO_SHORT else round(trend.slope, 3)
    return Judged(
        series=series, rule=rule, first=values[0], last=values[-1], samples=len(values), slope=slope,
        verdict=trend.verdict,
    )  # fmt: skip


def _returned(samples: Sequence[Sample]) -> Iterator[Judged]:
    for series in RETURNS:
        first, last = (one.numbers.get(series, 0.0) for one in (samples[0], samples[-1]))
        yield _plain(series, "as at the start", samples, bad=last > first)
    bad = samples[-1].numbers[HELD] > KEPT_RUNS
    yield _plain(HELD, f"at most {KEPT_RUNS}, of the last repairs", samples, bad=bad)


def _brought_back(samples: Sequence[Sample], cleaned: Sample | None) -> Iterator[Judged]:
    """Journals of runs that still hold an image stay: they know whose it is."""
    if cleaned is None:
        return
    for series in CLEANED:
        journals = series == "journals_entries"
        stay = cleaned.numbers["holding_runs"] if journals else 0.0
        grown, left = samples[-1].numbers.get(series, 0.0), cleaned.numbers.get(series, 0.0)
        rule = "after `clean` none" + (" but those of runs that hold an image" if journals else "")
        row = _plain(series, rule, samples, bad=left > stay)
        yield row.model_copy(update={"first": grown, "last": left})


def _told(samples: Sequence[Sample]) -> Iterator[Judged]:
    """Not judged: what each run adds, so that a disk can be planned."""
    for series in (
        "database_kib",
        "buildx_files",
        "journals_kib",
        "artifacts_kib",
        "plans_kib",
        "counted_entries",
    ):
        values = [(one.runs, one.numbers[series]) for one in samples if series in one.numbers]
        if len(values) > 1 and values[-1][0] > values[0][0]:
            slope = (values[-1][1] - values[0][1]) / (values[-1][0] - values[0][0]) * PER_RUNS
            row = _plain(series, "grows with the runs, by design", samples, bad=False)
            yield row.model_copy(update={"slope": round(slope, 2), "verdict": "by_design"})


def _plain(series: str, rule: str, samples: Sequence[Sample], *, bad: bool) -> Judged:
    first, last = (one.numbers.get(series, 0.0) for one in (samples[0], samples[-1]))
    verdict = Verdict.LEAK if bad else Verdict.FLAT
    return Judged(series=series, rule=rule, first=first, last=last, samples=len(samples), verdict=verdict)
