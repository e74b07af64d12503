"""The numbers of ``stats`` as words; what was not measured reads ``no data``, and n is never hidden."""

from typing import Final

from starter.statistics.model import Criterion, Month, Spread
from workflows.quantities import seconds

NO_DATA: Final = "no data"


def percent(part: float | None) -> str:
    """A share of 0 to 1; cut, not rounded: 89.99 % are not 90 %."""
    if part is None:
        return NO_DATA
    return f"{int(part * 1000 + 1e-9) / 10:g} %"


def measured(criterion: Criterion) -> str:
    """``met``, ``not met`` or ``no data``, and on how many."""
    if criterion.met is None:
        return f"{NO_DATA} (n=0)"
    word = "met" if criterion.met else "NOT MET"
    return f"{word}: {percent(criterion.share)} ({criterion.good} of n={criterion.n})"


def percentiles(sample: Spread | None) -> str:
    """p50, p90, p95 and the longest."""
    if sample is None or sample.p50 is None or sample.p90 is None or sample.p95 is None:
        return f"{NO_DATA} (n=0)"
    longest = f", longest {seconds(sample.longest)}" if sample.longest is not None else ""
    shown = f"p50 {seconds(sample.p50)}, p90 {seconds(sample.p90)}, p95 {seconds(sample.p95)}"
    return f"{shown}{longest} (n={sample.n})"


def reduction(month: Month) -> str:
    """How much less was typed, or why that is not known."""
    if month.reduction_percent is None:
        return f"{NO_DATA}: {month.why}"
    word = "less" if month.reduction_percent >= 0 else "MORE"
    return f"{abs(month.reduction_percent):.0f} % {word}" + (", so far" if month.so_far else "")


def counts(numbers: dict[str, int]) -> str:
    """``3 succeeded, 1 failed``."""
    return ", ".join(f"{count} {name}" for name, count in numbers.items()) or "none"
