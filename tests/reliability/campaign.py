"""The fault campaign's part of RELIABILITY.md: what was struck where, and every violation ever found."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from tests.chaos.case import Fault, Step
from tests.chaos.export import Campaign, PlayedCase, read
from tests.reliability.markdown import anchor_list, seed_ranges, table

_HOW = """\
`make chaos N=200` plays rounds of runs side by side, each against a fault drawn from a seed, at a random
instant of a step, on a real Docker daemon, Temporal server and worker of its own; it adds up over calls.
`make chaos REPLAY=SEED` plays a seed's round again."""
_ACCEPTED = """\
An outcome is accepted where what was *measured* on disk and on the Docker daemon is one of these states, and
the run's record and journal claim exactly that state:

- **repaired**: every planned file exactly and nothing else, the new image runs, the neighbours were not
  touched (`succeeded`);
- **as before**: files byte for byte with mode and owner, previous image and containers, nothing left over
  (`rolled_back`, `cancelled`, `rejected`, `planned`, or `failed` before the first write);
- **incomplete and said so**: the record names what differs, the journal stays open, and once the fault is
  lifted the command that the record names leads back to *as before* (`failed/rollback_incomplete`).

Anything else is a violation: so is a temporary file, a command that still runs, a tag, container, network or
volume without an owner, a second look that finds something else, and a run that does not end.
"""


class Violation(BaseModel):
    """One violation that the campaign found, and what became of it."""

    seeds: tuple[int, ...]
    what: str
    cause: str
    tests: tuple[str, ...]
    """``path::test`` that keep it from coming back; none where the oracle itself was wrong."""


@dataclass
class _Cell:
    """What came of one fault at one step."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seeds: set[int] = field(default_factory=set)


def violations(path: Path) -> tuple[Violation, ...]:
    """Those that were found and explained."""
    return TypeAdapter(tuple[Violation, ...]).validate_python(json.loads(path.read_text(encoding="utf-8")))


def section(figures: Path) -> str:
    """Markdown from ``chaos.json`` and ``violations.json`` in this directory."""
    campaign = read(figures / "chaos.json")
    explained = figures / "violations.json"
    return "\n".join(
        (
            *_head(campaign),
            *_tables(campaign),
            *_found(campaign, violations(explained) if explained.exists() else ()),
        )
    )


def _head(campaign: Campaign) -> Iterator[str]:
    struck = [case for _, case in _cases(campaign)]
    wrong = sum(bool(case.violations) for case in struck)
    late = sum(len(one.cases) for one in campaign.rounds) - len(struck)
    yield "## Faults"
    yield ""
    yield _HOW
    yield ""
    yield f"- Faults that struck a run under way: **{len(struck)}** in {len(campaign.rounds)} rounds"
    yield f"- Faults that came after the run's end, not counted: {late}"
    yield f"- Violations in these rounds: **{wrong}**"
    yield from (f"- Not run here: `{fault}`: {why}" for fault, why in campaign.not_run.items())
    yield f"- Last added to on {campaign.date}: {campaign.machine.sentence()}"
    yield ""
    yield _ACCEPTED


def _tables(campaign: Campaign) -> Iterator[str]:
    cells: dict[tuple[str, str], _Cell] = {}
    for seed, case in _cases(campaign):
        cell = cells.setdefault((case.fault, case.step), _Cell())
        cell.outcomes["**VIOLATION**" if case.violations else case.outcome] += 1
        cell.seeds.add(seed)
    yield "### How often each fault struck each step"
    yield ""
    rows = []
    for fault in Fault:
        counts = [cells[fault, step].outcomes.total() if (fault, step) in cells else 0 for step in Step]
        rows.append([f"`{fault}`", *(str(n) if n else "" for n in counts), str(sum(counts))])
    yield table(["fault", *Step, "all"], rows)
    yield "### What came of it"
    yield ""
    outcomes = [
        [f"`{fault}`", step, _told(cells[fault, step].outcomes), seed_ranges(cells[fault, step].seeds)]
        for fault in Fault
        for step in Step
        if (fault, step) in cells
    ]
    yield table(["fault", "step", "outcomes", "seeds"], outcomes)


def _found(campaign: Campaign, explained: tuple[Violation, ...]) -> Iterator[str]:
    yield "### Violations ever found"
    yield ""
    known = {seed for one in explained for seed in one.seeds}
    rows = [
        [", ".join(map(str, one.seeds)), one.what, one.cause, anchor_list(one.tests) or "not the product's"]
        for one in explained
    ]
    rows += [
        [str(seed), f"{case.fault} at {case.step}: {'; '.join(case.violations)}", "**not explained yet**", ""]
        for seed, case in _cases(campaign)
        if case.violations and seed not in known
    ]
    if rows:
        yield table(["seed", "what was found", "cause", "kept by"], rows)
    else:
        yield "None.\n"


def _cases(campaign: Campaign) -> Iterable[tuple[int, PlayedCase]]:
    """Those that struck a run under way."""
    return ((one.seed, case) for one in campaign.rounds for case in one.cases if case.step != "missed")


def _told(outcomes: Counter[str]) -> str:
    return ", ".join(f"{word} {number}" for word, number in sorted(outcomes.items()))
