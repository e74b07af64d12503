"""The soak's part of RELIABILITY.md: what ran for how long, and which series stayed flat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.markdown import table
from tests.soak.results import Soak, Stretch, read
from tests.soak.trend import ENOUGH, PER_RUNS, SURE, WARM_UP, Verdict
from tests.soak.verdicts import Judged

_HOW = f"""\
`make soak MINUTES=30` adds a stretch: rounds of runs of every kind side by side, on one worker that lives
until a fault kills it, a Docker daemon, a Temporal server and a state directory of its own; now and then a
round of the fault campaign. After each round, when nothing is under way, all that could grow is counted.

Series of the worker process are judged by their trend after the first {WARM_UP:.0%} of the samples of a life:
a leak is a Theil-Sen slope above the tolerance that Mann and Kendall's test is sure of (Z > {SURE:g}; at
least {ENOUGH} samples, else *too_short*). What runs make and give back is compared with the start of the
stretch. What grows by design must go when `clean` is called, its clock put forward."""


def section(figures: Path) -> str:
    """Markdown from ``soak.json`` in this directory."""
    soak = read(figures / "soak.json")
    return "\n".join((*_head(soak), *_stretches(soak), *_runs(soak), *_series(soak)))


def _head(soak: Soak) -> Iterator[str]:
    runs = sum(one.runs for one in soak.stretches)
    faults = sum(sum(one.faults.values()) for one in soak.stretches)
    wrong = sum(len(one.wrong) for one in soak.stretches)
    leaks = sum(len(one.leaks) for one in soak.stretches)
    yield from ("## Soak", "", _HOW, "")
    yield (
        f"**{soak.minutes:g} minutes** in {len(soak.stretches)} stretches, {runs} runs, "
        f"{faults} faults struck; runs that went wrong: **{wrong}**, leaks: **{leaks}**."
    )
    yield ""
    for machine in sorted({one.machine.sentence() for one in soak.stretches}):
        yield f"- {machine}"
    yield ""


def _stretches(soak: Soak) -> Iterator[str]:
    head = ["seed", "ended", "minutes", "rounds", "runs", "faults", "lives of the worker", "wrong", "leaks"]
    yield table(head, (_stretch(one) for one in soak.stretches))
    findings = [
        f"- seed {one.seed}: {line}"
        for one in soak.stretches
        for line in (*one.wrong, *(f"leak: {x}" for x in one.leaks))
    ]
    yield from (*findings, "") if findings else ()


def _stretch(one: Stretch) -> list[str]:
    faults = ", ".join(f"{fault} {n}" for fault, n in one.faults.items())
    return [
        str(one.seed), one.date, f"{one.minutes:g}", str(one.rounds), str(one.runs), faults, str(one.lives),
        str(len(one.wrong)), str(len(one.leaks)),
    ]  # fmt: skip


def _runs(soak: Soak) -> Iterator[str]:
    counted: Counter[tuple[str, str]] = Counter()
    for one in soak.stretches:
        for line in one.outcomes:
            kind, outcome, number = line.split(" ")
            counted[kind, outcome] += int(number)
    yield "### Runs by kind and outcome"
    yield ""
    yield table(
        ["kind", "outcome", "runs"], ([kind, end, str(n)] for (kind, end), n in sorted(counted.items()))
    )


def _series(soak: Soak) -> Iterator[str]:
    rows: dict[tuple[str, str], list[Judged]] = {}
    for one in soak.stretches:
        for row in one.series:
            rows.setdefault((row.series, row.rule), []).append(row)
    yield "### Series"
    yield ""
    yield (
        f"First and last are of the stretch with the most samples; the slope is per {PER_RUNS} runs, "
        "over all stretches."
    )
    yield ""
    head = ["series", "rule", "first", "last", "samples", "slope", "verdicts"]
    yield table(head, ([f"`{name}`", rule, *_told(found)] for (name, rule), found in rows.items()))


def _told(found: list[Judged]) -> list[str]:
    longest = max(found, key=lambda row: row.samples)
    slopes = sorted(row.slope for row in found if row.slope is not None)
    spread = (
        f"{slopes[0]:g}" if len(set(slopes)) == 1 else f"{slopes[0]:g} to {slopes[-1]:g}" if slopes else ""
    )
    verdicts = Counter(row.verdict for row in found)
    told = ", ".join(f"{_loud(verdict)} {n}" for verdict, n in sorted(verdicts.items()))
    return [f"{longest.first:g}", f"{longest.last:g}", str(longest.samples), spread, told]


def _loud(verdict: str) -> str:
    return f"**{verdict}**" if verdict == Verdict.LEAK else verdict
