"""What a benchmark measured: samples beside a baseline's samples of the same run, and a goal."""

from __future__ import annotations

import math
import statistics
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Compared(StrEnum):
    """How the two medians become one number."""

    RATIO = "ratio"
    """Ours over the baseline's, without a unit."""
    DIFFERENCE = "difference"
    """Ours minus the baseline's, in the figure's unit."""
    ALONE = "alone"
    """Ours; the baseline only says what it is to be seen beside."""


class Samples(BaseModel):
    """One side of a figure."""

    model_config = ConfigDict(frozen=True)

    what: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """Smallest and largest."""
        return min(self.values), max(self.values)

    def quantile(self, share: float) -> float:
        """The smallest sample that so many of all do not exceed."""
        ordered = sorted(self.values)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Figure(BaseModel):
    """One line of the table."""

    model_config = ConfigDict(frozen=True)

    name: str
    unit: str
    ours: Samples
    baselines: tuple[Samples, ...]
    compared: Compared
    goal: float | None = None
    """The result must not exceed it; None: no goal was set."""
    at_least: bool = False
    """True: the result must not fall below the goal instead."""
    share: float = 0.5
    """Which quantile of ours is judged; 0.5 is the median."""
    note: str = ""

    @property
    def result(self) -> float:
        """The number that is judged; against the first baseline."""
        ours = self.ours.median if self.share == 0.5 else self.ours.quantile(self.share)
        if self.compared is Compared.ALONE or not self.baselines:
            return ours
        base = self.baselines[0].median
        return ours / base if self.compared is Compared.RATIO else ours - base

    @property
    def reached(self) -> bool | None:
        """Whether the goal was reached; None where there is none."""
        if self.goal is None:
            return None
        return self.result >= self.goal if self.at_least else self.result <= self.goal


class Part(BaseModel):
    """One benchmark, measured in one go."""

    model_config = ConfigDict(frozen=True)

    name: str
    date: str
    quick: bool
    machine: dict[str, str]
    figures: tuple[Figure, ...] = ()
    not_run: str = ""
    """Why there is no figure."""


class Results(BaseModel):
    """All benchmarks, each as it was measured last."""

    model_config = ConfigDict(frozen=True)

    parts: tuple[Part, ...] = ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Of all parts, in their order."""
        return tuple(figure for part in self.parts for figure in part.figures)

    def with_part(self, new: Part, order: tuple[str, ...]) -> Results:
        """With this part in place of what it was before; what is no benchmark any more goes."""
        parts = {part.name: part for part in self.parts} | {new.name: new}
        return Results(parts=tuple(parts[name] for name in order if name in parts))
