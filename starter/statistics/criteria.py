"""SC-001 to SC-003 over the facts of many runs: pure rules (SPEC Success Criteria)."""

from collections.abc import Sequence
from typing import Final

from starter.statistics.facts import RunFacts
from starter.statistics.model import Criterion, Told
from starter.statistics.spread import share, spread

REPAIR_SECONDS: Final = 20 * 60
RETRIEVABLE_SECONDS: Final = 60
_TOLD: Final = 50
"""So many runs are named one by one; ``n`` and ``good`` count all."""


def sc_001(runs: Sequence[RunFacts]) -> Criterion:
    """90 % of successful runs come from patch to verify within 20 minutes."""
    repairs = [(run, run.repair_seconds) for run in runs if run.repair_seconds is not None]
    slow = [(run, took) for run, took in repairs if took > REPAIR_SECONDS]
    return _criterion(
        "SC-001",
        rule="start of the first changing step to the end of the last verify, of runs that succeeded by "
        "changing something; at most 20 minutes",
        target=0.9,
        n=len(repairs),
        exceptions=[Told(run_id=run.run_id, why=f"{took:.0f} s") for run, took in slow],
    ).model_copy(update={"spread": spread(took for _, took in repairs)})


def sc_002(runs: Sequence[RunFacts]) -> Criterion:
    """Every run on what policy protects has a valid approval before its first write, or wrote nothing."""
    gated = [run for run in runs if run.gated]
    wrong = [Told(run_id=r.run_id, why=r.approval_problem) for r in gated if r.approval_problem]
    return _criterion(
        "SC-002",
        rule="runs that policy held for an approval: nothing written, or an approval was on record and in "
        "force when the first write began, and one of the carried-out plan's digest when that plan began",
        target=1.0,
        n=len(gated),
        exceptions=wrong,
    )


def sc_003(runs: Sequence[RunFacts]) -> Criterion:
    """95 % of runs that changed something leave a complete set of evidence within a minute."""
    expected = [run for run in runs if run.needed]
    late = [Told(run_id=run.run_id, why=why) for run in expected if (why := _not_retrievable(run))]
    seconds = [run.retrievable_seconds for run in expected if run.retrievable_seconds is not None]
    return _criterion(
        "SC-003",
        rule="runs that changed something: diff, and the logs of build, verify and rollback they did, in the "
        "store at most 60 s after the run's end; by the store's own times, else the record's; spooled "
        "evidence that was not delivered in that time counts as not",
        target=0.95,
        n=len(expected),
        exceptions=late,
    ).model_copy(update={"spread": spread(seconds)})


def _not_retrievable(run: RunFacts) -> str | None:
    if run.lacking:
        return f"not in the store: {', '.join(run.lacking)}"
    if run.retrievable_seconds is None:
        return "its end is not on record"
    late = run.retrievable_seconds > RETRIEVABLE_SECONDS
    return f"retrievable after {run.retrievable_seconds:.0f} s" if late else None


def _criterion(name: str, *, rule: str, target: float, n: int, exceptions: Sequence[Told]) -> Criterion:
    good = n - len(exceptions)
    part = share(good, n)
    return Criterion(
        id=name,
        rule=rule,
        target=f"{target:.0%}",
        n=n,
        good=good,
        share=part,
        met=None if part is None else part >= target,
        exceptions=tuple(exceptions[:_TOLD]),
    )
