"""Every fault and every step at least once, on real parts; ``make chaos`` draws the rest (I4, I7, I8)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.chaos.case import Case, Fault, Round, Step
from tests.chaos.outcome import Outcome
from tests.chaos.round import play
from tests.chaos.stack import Story
from tests.chaos.world import PROTECTED, World, not_run, world

pytestmark = pytest.mark.timeout(900)

_AFTER_SECONDS = 0.1
"""From the beginning of a step to the fault."""
_ROUNDS = 3
"""At most, for one that is to strike."""

OWN = {
    "one by one": [
        (Fault.TERMINATE, Step.APPROVE), (Fault.CANCEL, Step.PATCH), (Fault.RESET_FIRST, Step.BUILD),
        (Fault.CANCEL, Step.LANE), (Fault.TERMINATE_GUARD, Step.RESTART), (Fault.TERMINATE_LANE, Step.VERIFY),
    ],
    "one by one, again": [
        (Fault.RESET_LAST, Step.RESTART), (Fault.TERMINATE, Step.ROLLBACK), (Fault.CANCEL, Step.PLAN),
        (Fault.TERMINATE, Step.ANALYZE), (Fault.TERMINATE, Step.REPORT), (Fault.RESET_LAST, Step.PREFLIGHT),
    ],
}  # fmt: skip
SHARED = {
    Fault.KILL_WORKER: Step.PATCH,
    Fault.KILL_SERVER: Step.APPROVE,
    Fault.DAEMON_RESTART: Step.RESTART,
    Fault.DISK_FULL: Step.BUILD,
    Fault.STORE_GONE: Step.VERIFY,
}
"""Where the first project's run is; the other runs begin later or earlier, and are elsewhere."""


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    """One world for all of it."""
    with world(len(PROTECTED)) as made:
        yield made


@pytest.fixture(scope="module")
def seen() -> list[Outcome]:
    """What was struck so far."""
    return []


def own_round(pairs: list[tuple[Fault, Step]]) -> Round:
    """Each project its own fault."""
    return Round(0, tuple(_case(fault, step, number) for number, (fault, step) in enumerate(pairs)))


def shared_round(fault: Fault, step: Step) -> Round:
    """One fault for all; one of the other runs waits in a lane, one is broken by its patch."""
    steps = [step, Step.BUILD, Step.VERIFY, Step.LANE, Step.ROLLBACK, Step.PATCH]
    return Round(0, tuple(_case(fault, at, number) for number, at in enumerate(steps)))


def _case(fault: Fault, step: Step, number: int) -> Case:
    story = Story.BREAK if step is Step.ROLLBACK else Story.REPAIR
    delay = 0.0 if number in {0, 3} else 0.4 * number
    offset = 0.0 if step in {Step.PLAN, Step.REPORT} else _AFTER_SECONDS  # those are over in a moment
    return Case(fault, step, offset, story, delay=delay, hard=number % 2 == 0)


def check(world: World, drawn: Round, seen: list[Outcome]) -> None:
    """Play it: no violation, and each fault that strikes has struck a run that was under way.

    Where a busy machine let a short step pass before the blow the round is played again.
    """
    for _ in range(_ROUNDS):
        outcomes = asyncio.run(play(world, drawn))
        seen += outcomes
        assert [(o.fault, o.step, o.run_id, o.violations) for o in outcomes if o.violations] == []
        striking = outcomes[:1] if drawn.shared else outcomes
        missed = [(o.fault, o.aimed_at) for o in striking if o.step == "missed"]
        if not missed:
            return
    assert missed == []


@pytest.mark.parametrize("name", OWN)
def test_a_fault_of_one_run(running: World, seen: list[Outcome], name: str) -> None:
    """Cancel, terminate, reset, and terminate with guard or lane: repaired, or exactly as before."""
    check(running, own_round(OWN[name]), seen)


@pytest.mark.parametrize("fault", SHARED)
def test_a_fault_that_hits_every_run(running: World, seen: list[Outcome], fault: Fault) -> None:
    """Worker, server, daemon, disk or store: whatever each of six runs is doing at that moment."""
    if fault in not_run():
        pytest.skip(f"not run here: {fault}: {not_run()[fault]}")
    check(running, shared_round(fault, SHARED[fault]), seen)


def test_every_fault_and_every_step_occurred(seen: list[Outcome], request: pytest.FixtureRequest) -> None:
    """What is missing is said by name; skipped only where the rounds themselves were left out by choice."""
    rounds = [item for item in request.session.items if item.name.startswith("test_a_fault_")]
    if not rounds:
        pytest.skip("the rounds were deselected")
    assert set(Fault) - {outcome.fault for outcome in seen if outcome.counts} - not_run().keys() == set()
    assert set(Step) - {outcome.step for outcome in seen} == set()
