"""What is drawn: which fault, at which step, how much later, on which story. One seed, one round."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace
from enum import StrEnum

from tests.chaos.stack import Story


class Fault(StrEnum):
    """What goes wrong."""

    CANCEL = "cancel"
    TERMINATE = "terminate"
    RESET_FIRST = "reset_first"
    RESET_LAST = "reset_last"
    TERMINATE_GUARD = "terminate_guard"
    TERMINATE_LANE = "terminate_lane"
    KILL_WORKER = "kill_worker"
    KILL_SERVER = "kill_server"
    DAEMON_RESTART = "daemon_restart"
    DISK_FULL = "disk_full"
    STORE_GONE = "store_gone"

    @property
    def shared(self) -> bool:
        """Whether it hits every run of the world at once."""
        return self in _SHARED


_SHARED = frozenset(
    {Fault.KILL_WORKER, Fault.KILL_SERVER, Fault.DAEMON_RESTART, Fault.DISK_FULL, Fault.STORE_GONE}
)
OWN = tuple(fault for fault in Fault if not fault.shared)


class Step(StrEnum):
    """Where it strikes."""

    PREFLIGHT = "preflight"
    ANALYZE = "analyze"
    PLAN = "plan"
    APPROVE = "approve"
    LANE = "lane"
    PATCH = "patch"
    BUILD = "build"
    RESTART = "restart"
    VERIFY = "verify"
    ROLLBACK = "rollback"
    REPORT = "report"


# How long a step usually takes, seconds: the random offset stays about inside it.
_USUAL = {
    Step.PREFLIGHT: 0.8, Step.ANALYZE: 0.3, Step.PLAN: 0.3, Step.APPROVE: 1.0, Step.LANE: 1.0,
    Step.PATCH: 0.8, Step.BUILD: 2.0, Step.RESTART: 1.8, Step.VERIFY: 2.0, Step.ROLLBACK: 2.5,
    Step.REPORT: 0.2,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One run and what happens to it."""

    fault: Fault
    step: Step
    offset: float
    """Seconds after the step began."""
    story: Story
    delay: float = 0.0
    """Seconds until the run is started: runs of a round are not in step with each other."""
    hard: bool = False
    """Of a daemon's restart: killed, not asked. Of a killed worker or server: it stays away for longer."""


@dataclass(frozen=True)
class Round:
    """The cases that one seed stands for, one for each project; a shared fault strikes once, by the first."""

    seed: int
    cases: tuple[Case, ...]

    @property
    def shared(self) -> Case | None:
        """The one case that strikes for all, where its fault hits the whole world."""
        return self.cases[0] if self.cases[0].fault.shared else None


def draw(seed: int, protected: tuple[bool, ...], possible: frozenset[Fault]) -> Round:
    """The round of this seed: the same cases, however often it is drawn."""
    dice = random.Random(seed)  # noqa: S311 - chance, not secrecy
    fault = dice.choice(sorted(possible))
    own = sorted(f for f in OWN if f in possible)
    first = draw_case(dice, fault, guarded=protected[0])
    if not fault.shared:
        rest = [draw_case(dice, dice.choice(own), guarded=guarded) for guarded in protected[1:]]
        return Round(seed, (first, *rest))
    ahead = _until(
        first.step
    )  # the others start while the first is on its way: the fault finds them anywhere
    others = [draw_case(dice, fault, guarded=guarded) for guarded in protected[1:]]
    late = (replace(case, delay=round(dice.uniform(0, ahead), 3)) for case in others)
    return Round(seed, (replace(first, delay=0.0), *late))


def _until(step: Step) -> float:
    """Seconds a run usually takes to come to this step."""
    before = itertools.takewhile(lambda other: other is not step, Step)
    return sum(_USUAL[other] for other in before if other not in {Step.LANE, Step.APPROVE})


def draw_case(dice: random.Random, fault: Fault, *, guarded: bool) -> Case:
    """One case; a step that the project cannot reach is not drawn."""
    steps = [step for step in Step if reachable(step, fault, guarded=guarded)]
    return make_case(dice, fault, dice.choice(steps))


def make_case(dice: random.Random, fault: Fault, step: Step) -> Case:
    """A case at this step; the rest is drawn."""
    story = dice.choice([Story.REPAIR, Story.REPAIR, Story.BREAK])
    if step is Step.ROLLBACK:
        story = Story.BREAK
    return Case(
        fault, step, round(dice.uniform(0, _USUAL[step]), 3), story,
        delay=round(dice.uniform(0, 4), 3), hard=dice.random() < 0.5,
    )  # fmt: skip


def reachable(step: Step, fault: Fault, *, guarded: bool) -> bool:
    """Whether this fault can strike at this step of such a project."""
    if fault is Fault.TERMINATE_LANE and step is not Step.LANE and step not in WRITING:
        return False
    if step is Step.LANE:
        return not guarded
    return step is not Step.APPROVE or guarded


WRITING = frozenset({Step.PATCH, Step.BUILD, Step.RESTART, Step.VERIFY, Step.ROLLBACK})
