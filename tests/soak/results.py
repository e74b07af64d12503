"""What stretches came to: they add up in ``docs/reliability/soak.json``; samples stay in the usual place."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel

from tests.reliability.machine import Machine
from tests.soak.sample import Sample
from tests.soak.verdicts import Judged

RESULTS = Path(__file__).parents[2] / "docs" / "reliability" / "soak.json"
PLACE_VARIABLE = "MM_SOAK_DIR"


class Stretch(BaseModel):
    """One stretch."""

    seed: int
    date: str
    machine: Machine
    minutes: float
    rounds: int
    runs: int
    outcomes: list[str]
    """``kind outcome number``."""
    faults: dict[str, int]
    """Fault -> how often it struck."""
    lives: int
    """Of the worker process: one more for each fault that killed it."""
    wrong: list[str] = []
    """Runs that ended otherwise than their story, or left something."""
    leaks: list[str] = []
    series: list[Judged]
    samples: list[Sample] = []


class Soak(BaseModel):
    """All stretches so far."""

    stretches: list[Stretch] = []

    @property
    def minutes(self) -> float:
        """In all."""
        return round(sum(one.minutes for one in self.stretches), 1)


def usual_place() -> Path:
    """``MM_SOAK_DIR``, else the XDG state directory: outside the checkout in any case."""
    if chosen := os.environ.get(PLACE_VARIABLE):
        return Path(chosen)
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "mm-orchestrator-soak"


def read(path: Path = RESULTS) -> Soak:
    """The stretches so far; none where there is no file."""
    return Soak.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else Soak()


def add(stretch: Stretch, path: Path = RESULTS, place: Path | None = None) -> Soak:
    """Add a stretch: without its samples to the figures, whole to the usual place."""
    place = place or usual_place()
    place.mkdir(parents=True, exist_ok=True)
    with (place / "stretches.jsonl").open("a", encoding="utf-8") as file:
        file.write(f"{stretch.model_dump_json()}\n")
        file.flush()
        os.fsync(file.fileno())
    soak = Soak(stretches=[*read(path).stretches, stretch.model_copy(update={"samples": []})])
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(_text(soak), encoding="utf-8")
    os.replace(beside, path)  # noqa: PTH105 - one atomic step
    return soak


def _text(soak: Soak) -> str:
    """A line for each series: small, and a diff shows what came."""
    stretches = []
    for one in soak.stretches:
        head = one.model_dump_json(exclude={"series", "samples"})[:-1]
        series = ",\n".join(row.model_dump_json() for row in one.series)
        stretches.append(f'{head},"series":[\n{series}\n]}}')
    return '{"stretches":[\n' + ",\n".join(stretches) + "\n]}\n"
