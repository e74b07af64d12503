"""Does a series of measurements rise? Robust against outliers and noise, and honest about too few of them.

The slope is Theil and Sen's: the median of the slopes between all pairs of samples. Whether it is one at all
is Mann and Kendall's: more pairs rise than chance would have it. A leak is a slope above the tolerance that
is no chance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import median

PER_RUNS = 100
"""Slopes are told per so many runs."""
WARM_UP = 0.25
"""The first quarter of the samples is left out: caches fill, modules are loaded late."""
ENOUGH = 12
"""Samples after the warm-up; with fewer there is no verdict."""
SURE = 3.29
"""Standard deviations: by chance alone a rise is seen in one of two thousand flat series."""


class Verdict(StrEnum):
    """What a series was found to be."""

    FLAT = "flat"
    LEAK = "leak"
    TOO_SHORT = "too_short"


@dataclass(frozen=True)
class Trend:
    """A judged series."""

    verdict: Verdict
    slope: float
    """Units per ``PER_RUNS`` runs."""
    certainty: float
    """Standard deviations by which rising pairs outnumber what chance would have."""


def judge(runs: Sequence[int], values: Sequence[float], tolerance: float) -> Trend:
    """Judge ``values``, measured after so many ``runs``.

    Args:
        runs: how many runs had ended at each sample; rising.
        values: what was measured.
        tolerance: slope per ``PER_RUNS`` runs that is no leak yet.
    """
    skip = math.ceil(len(runs) * WARM_UP)
    points = list(zip(runs[skip:], values[skip:], strict=True))
    pairs = [(b[0] - a[0], b[1] - a[1]) for a, b in combinations(points, 2) if b[0] > a[0]]
    if len(points) < ENOUGH or not pairs:
        return Trend(Verdict.TOO_SHORT, 0.0, 0.0)
    slope = median(rise / width for width, rise in pairs) * PER_RUNS
    certainty = _certainty([value for _, value in points])
    leaks = slope > tolerance and certainty > SURE
    return Trend(Verdict.LEAK if leaks else Verdict.FLAT, slope, certainty)


def _certainty(values: Sequence[float]) -> float:
    """Mann and Kendall's Z, corrected for ties."""
    rising = sum((b > a) - (b < a) for a, b in combinations(values, 2))
    n = len(values)
    ties = sum(t * (t - 1) * (2 * t + 5) for t in Counter(values).values())
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18
    if variance <= 0 or rising == 0:
        return 0.0
    return (rising - math.copysign(1, rising)) / math.sqrt(variance)
