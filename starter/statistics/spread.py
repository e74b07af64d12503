"""Percentiles of a sample: linear between the measured values, never beyond them."""

from collections.abc import Iterable
from statistics import quantiles

from starter.statistics.model import Spread


def spread(values: Iterable[float]) -> Spread:
    """Size and percentiles; of one value all of them are that value, of none there are none."""
    sample = sorted(values)
    if not sample:
        return Spread(n=0)
    if len(sample) == 1:
        (only,) = sample
        return Spread(n=1, p50=only, p90=only, p95=only, longest=only)
    cuts = quantiles(sample, n=100, method="inclusive")
    return Spread(n=len(sample), p50=cuts[49], p90=cuts[89], p95=cuts[94], longest=sample[-1])


def share(good: int, n: int) -> float | None:
    """``good`` of ``n``; None where there is nothing to divide."""
    return good / n if n else None
