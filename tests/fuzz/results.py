"""What the fuzzing has done so far; it adds up over calls."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

KEPT = Path(__file__).parents[2] / "docs" / "reliability" / "fuzz.json"
BROKEN = Path(__file__).parents[1] / "corpus" / "fuzz"
"""Inputs that broke something once, ``<target>/<hash>.bin``."""


class Fed(BaseModel):
    """One target in one call, or in all of them."""

    model_config = ConfigDict(frozen=True)

    inputs: int = 0
    seconds: float = 0.0
    slowest_seconds: float = 0.0
    crashes: tuple[str, ...] = ()
    """Errors that are no answer, each named once."""
    hangs: int = 0

    def plus(self, other: Fed) -> Fed:
        """Both together."""
        return Fed(
            inputs=self.inputs + other.inputs,
            seconds=self.seconds + other.seconds,
            slowest_seconds=max(self.slowest_seconds, other.slowest_seconds),
            crashes=tuple(dict.fromkeys((*self.crashes, *other.crashes))),
            hangs=self.hangs + other.hangs,
        )


class Fuzzed(BaseModel):
    """Everything so far."""

    model_config = ConfigDict(frozen=True)

    date: str = ""
    seeds: tuple[int, ...] = ()
    targets: dict[str, Fed] = {}

    def plus(self, seed: int, date: str, fed: dict[str, Fed]) -> Fuzzed:
        """With one more call."""
        names = sorted({*self.targets, *fed})
        together = {name: self.targets.get(name, Fed()).plus(fed.get(name, Fed())) for name in names}
        return Fuzzed(date=date, seeds=(*self.seeds, seed), targets=together)


def kept(path: Path = KEPT) -> Fuzzed:
    """What earlier calls have added up."""
    return Fuzzed.model_validate_json(path.read_text()) if path.exists() else Fuzzed()
