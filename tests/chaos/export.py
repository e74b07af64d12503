"""What the campaign has seen, in the repository: ``docs/reliability/chaos.json``, a line for each round.

A tally is this machine's; the export adds up over tallies and machines. A round is known by its seed and its
first run's id, so exporting twice changes nothing.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from pydantic import BaseModel

from tests.chaos.outcome import Outcome
from tests.reliability.machine import Machine

EXPORT = Path(__file__).parents[2] / "docs" / "reliability" / "chaos.json"


class PlayedCase(BaseModel):
    """What a fault did to one run."""

    fault: str
    step: str
    outcome: str
    """The status; of a failed run also its code."""
    violations: list[str] = []


class PlayedRound(BaseModel):
    """One seed, played once."""

    seed: int
    run: str
    """Id of the first run: the same seed may be played again later."""
    cases: list[PlayedCase]


class Campaign(BaseModel):
    """Every round that was exported."""

    date: str
    machine: Machine
    not_run: dict[str, str] = {}
    """Fault -> why the machine of the last export cannot have it."""
    rounds: list[PlayedRound] = []

    def text(self) -> str:
        """JSON with a line for each round: small, and a diff shows what came."""
        head = self.model_dump_json(exclude={"rounds"})[:-1]
        rounds = ",\n".join(one.model_dump_json(exclude_defaults=True) for one in self.rounds)
        return f'{head},"rounds":[\n{rounds}\n]}}\n'


def word(outcome: Outcome) -> str:
    """The status; where it failed, also why."""
    return outcome.status if outcome.status != "failed" else f"failed/{outcome.code}"


def export(outcomes: list[Outcome], not_run: dict[str, str], path: Path = EXPORT) -> Campaign:
    """Add these outcomes to the file."""
    known = {(one.seed, one.run): one for one in read(path).rounds} if path.exists() else {}
    for one in _rounds(outcomes):
        known[one.seed, one.run] = one
    today = datetime.now(UTC).date().isoformat()
    rounds = [known[key] for key in sorted(known)]
    campaign = Campaign(date=today, machine=Machine.this(), not_run=not_run, rounds=rounds)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(campaign.text(), encoding="utf-8")
    os.replace(beside, path)  # noqa: PTH105 - one atomic step
    return campaign


def read(path: Path = EXPORT) -> Campaign:
    """What was exported so far."""
    return Campaign.model_validate_json(path.read_text(encoding="utf-8"))


def _rounds(outcomes: list[Outcome]) -> list[PlayedRound]:
    """Consecutive outcomes of a seed are one playing of it, unless its first project comes again."""
    playings: list[list[Outcome]] = []
    for _, group in groupby(outcomes, key=lambda outcome: outcome.seed):
        for outcome in group:
            if outcome.number == 0:
                playings.append([])
            playings[-1].append(outcome)
    return [
        PlayedRound(seed=played[0].seed, run=played[0].run_id, cases=[_case(one) for one in played])
        for played in playings
    ]


def _case(outcome: Outcome) -> PlayedCase:
    step = outcome.step if outcome.counts else "missed"
    return PlayedCase(fault=outcome.fault, step=step, outcome=word(outcome), violations=outcome.violations)
