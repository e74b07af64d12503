"""What is asked of the orchestrator in a soak: every kind of run, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from workflows.models.status import RunStatus

FAULTY = 1 / 8
"""So many of the rounds are rounds of the fault campaign; in the others nothing goes wrong."""


class Story(StrEnum):
    """What a run is to come to."""

    SUCCESS = "success"
    ROLLBACK = "rollback"
    GRANTED = "approval_granted"
    REFUSED = "approval_refused"
    CANCEL = "cancel"
    PLANNED = "planned_only"
    RETRY = "retry"

    @property
    def ends(self) -> frozenset[RunStatus]:
        """How it may end; a cancel may come too late."""
        return _ENDS[self]

    @property
    def breaks(self) -> bool:
        """Whether its patch breaks the service."""
        return self in {Story.ROLLBACK, Story.RETRY}


_ENDS = {
    Story.SUCCESS: frozenset({RunStatus.SUCCEEDED}),
    Story.ROLLBACK: frozenset({RunStatus.ROLLED_BACK}),
    Story.GRANTED: frozenset({RunStatus.SUCCEEDED}),
    Story.REFUSED: frozenset({RunStatus.REJECTED}),
    Story.CANCEL: frozenset({RunStatus.CANCELLED, RunStatus.SUCCEEDED}),
    Story.PLANNED: frozenset({RunStatus.PLANNED}),
    Story.RETRY: frozenset({RunStatus.ROLLED_BACK}),
}
_ALWAYS = (Story.ROLLBACK, Story.CANCEL, Story.PLANNED, Story.RETRY)
_OPEN = (Story.SUCCESS, Story.SUCCESS, *_ALWAYS)
_GUARDED = (Story.GRANTED, Story.GRANTED, Story.REFUSED, *_ALWAYS)


@dataclass(frozen=True)
class Telling:
    """One run that is to be asked for."""

    story: Story
    cancel_after: float = 0.0
    """Seconds after its start; only of a cancel."""


@dataclass(frozen=True)
class SoakRound:
    """A run for each project; or none, and a round of the fault campaign instead."""

    tellings: tuple[Telling, ...]
    chaos_seed: int | None = None


def draw_round(seed: int, number: int, protected: tuple[bool, ...]) -> SoakRound:
    """The round of this number in the stretch of this seed: the same, however often it is drawn."""
    dice = random.Random(f"{seed}:{number}")  # noqa: S311 - chance, not secrecy
    if dice.random() < FAULTY:
        return SoakRound((), chaos_seed=dice.randrange(1_000_000, 2_000_000))
    return SoakRound(tuple(_telling(dice, guarded=guarded) for guarded in protected))


def _telling(dice: random.Random, *, guarded: bool) -> Telling:
    story = dice.choice(_GUARDED if guarded else _OPEN)
    return Telling(story, round(dice.uniform(0.5, 8), 3))
