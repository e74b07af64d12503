"""What a campaign has seen so far: a file that several calls add to, and a table of it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.case import Fault, Step
from tests.chaos.export import word
from tests.chaos.outcome import Outcome

PLACE_VARIABLE = "MM_CHAOS_DIR"


def usual_place() -> Path:
    """``MM_CHAOS_DIR``, else the XDG state directory: outside the checkout in any case."""
    if chosen := os.environ.get(PLACE_VARIABLE):
        return Path(chosen)
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "mm-orchestrator-chaos"


@dataclass(frozen=True)
class Tally:
    """The outcomes in ``<place>/outcomes.jsonl``."""

    place: Path

    @property
    def file(self) -> Path:
        """One outcome per line."""
        return self.place / "outcomes.jsonl"

    def add(self, outcomes: list[Outcome]) -> None:
        """Append a round, durably."""
        self.place.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            if file.tell() and not self.file.read_bytes().endswith(b"\n"):
                file.write("\n")  # after a line that a crash cut
            file.writelines(f"{outcome.model_dump_json()}\n" for outcome in outcomes)
            file.flush()
            os.fsync(file.fileno())

    def all(self) -> list[Outcome]:
        """Every case so far; a line that a crash cut is left out."""
        if not self.file.exists():
            return []
        lines = self.file.read_text(encoding="utf-8").splitlines()
        return [Outcome.model_validate_json(line) for line in lines if line.endswith("}")]

    def next_seed(self, first: int) -> int:
        """The first seed from ``first`` on that was not played yet."""
        played = {outcome.seed for outcome in self.all()}
        while first in played:
            first += 1
        return first


def table(outcomes: list[Outcome]) -> str:
    """Fault, step, and how often each outcome came."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    for outcome in outcomes:
        if outcome.counts:
            came = "VIOLATION" if outcome.violations else word(outcome)
            counted.setdefault((outcome.fault, outcome.step), Counter())[came] += 1
    rows = [f"{'fault':<16} {'step':<10} {'n':>4}  outcomes"]
    for fault in Fault:
        for step in Step:
            if words := counted.get((fault, step)):
                told = ", ".join(f"{came} {number}" for came, number in sorted(words.items()))
                rows.append(f"{fault:<16} {step:<10} {words.total():>4}  {told}")
    return "\n".join(rows)


def summary(outcomes: list[Outcome], not_run: dict[str, str]) -> str:
    """The table, what could not run here, and every violation with the command that replays it."""
    counting = [outcome for outcome in outcomes if outcome.counts]
    wrong = [outcome for outcome in outcomes if outcome.violations]
    late = len(outcomes) - len(counting)
    seconds = sorted(outcome.seconds for outcome in counting)
    middle = seconds[len(seconds) // 2] if seconds else 0.0
    lines = [table(outcomes), ""]
    lines += [f"not run here: {fault}: {why}" for fault, why in not_run.items()]
    for outcome in wrong:
        case = f"{outcome.fault} at {outcome.step}: {outcome.status} {outcome.code or ''}"
        lines += [f"VIOLATION seed {outcome.seed} project {outcome.number}, {case}"]
        lines += [f"    {line}" for line in outcome.violations]
        lines += [f"    replay: make chaos REPLAY={outcome.seed}"]
    lines.append(
        f"{len(counting)} faults struck runs under way, {late} came after the end; "
        f"median {middle} s per case; violations: {len(wrong)}"
    )
    return "\n".join(lines)
