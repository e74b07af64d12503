"""A planted leak is found, in noise and with outliers; a flat series is none, however noisy."""

from __future__ import annotations

import random

import pytest

from tests.soak.trend import Verdict, judge

RUNS = [6 * n for n in range(60)]


def noisy(seed: int, per_hundred: float, noise: float) -> list[float]:
    """60 MiB to begin with, a rise per 100 runs, noise, and now and then a peak."""
    dice = random.Random(seed)  # noqa: S311 - chance, not secrecy
    return [
        60 + per_hundred * run / 100 + dice.gauss(0, noise) + (20 if dice.random() < 0.05 else 0)
        for run in RUNS
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_leak_is_found(seed: int) -> None:
    """5 MiB per 100 runs in noise of 2 MiB, with peaks; the slope is told about right."""
    found = judge(RUNS, noisy(seed, 5, 2), tolerance=2)
    assert found.verdict is Verdict.LEAK
    assert 3.5 < found.slope < 6.5


@pytest.mark.parametrize("seed", range(20))
def test_a_flat_noisy_series_is_no_leak(seed: int) -> None:
    """Peaks and noise are no trend."""
    assert judge(RUNS, noisy(seed, 0, 4), tolerance=1).verdict is Verdict.FLAT


def test_one_descriptor_lost_in_each_hundred_runs_is_found() -> None:
    """Whole numbers, many of them equal."""
    assert judge(RUNS, [20 + run // 50 for run in RUNS], tolerance=1).verdict is Verdict.LEAK


def test_a_rise_that_ends_with_the_warm_up_is_none() -> None:
    """A cache that is full stays as it is."""
    values = [min(40 + 2 * n, 60) for n in range(60)]
    assert judge(RUNS, values, tolerance=0.5).verdict is Verdict.FLAT


def test_few_samples_give_no_verdict() -> None:
    """Not even of a steep rise: it may be the warm-up still; and not of none at all."""
    assert judge(RUNS[:15], [float(n) for n in range(15)], tolerance=0).verdict is Verdict.TOO_SHORT
    assert judge([], [], tolerance=0).verdict is Verdict.TOO_SHORT


def test_a_fall_is_no_leak() -> None:
    """Memory that is given back."""
    found = judge(RUNS, [100.0 - n for n in range(60)], tolerance=1)
    assert found.verdict is Verdict.FLAT
    assert found.slope < 0
    assert found.certainty < 0
