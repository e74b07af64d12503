"""Ask the rules about every case, the way ``mm-orchestrator diagnose`` does, and count."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from tests.repair.cases import LOG_NAME, Case
from tests.repair.scoring import DECLINE, Mark, Said, judge
from worker.diagnosing import Answer, Question, answer


@dataclass(frozen=True)
class Outcome:
    """One case, what was said of it, and the mark for that."""

    case: Case
    said: Said
    mark: Mark
    rule: str
    reason: str
    seconds: float
    untraced: str = ""
    """Why the answer cannot be followed back to the log; '' where it can."""

    @property
    def expected(self) -> str:
        """Kind and names that were expected."""
        return told(self.case.expected.kind, self.case.expected.names)


def ask(case: Case) -> Outcome:
    """The rules' answer; the phase of the log is theirs to guess, as it is on the command line."""
    with case.on_disk() as laid:
        begun = time.process_time()
        found = answer(
            Question(
                log=laid.log,
                context=laid.context,
                base_image=case.context.base_image,
                package_manager=case.context.package_manager or "",
            )
        )
        seconds = time.process_time() - begun
    best = found.findings[0] if found.findings else None
    fix = best if found.decision != DECLINE else None
    said = Said(found.decision, str(fix.kind) if fix else DECLINE, fix.names if fix else ())
    rule = best.rule if best else ""
    untraced = _untraced(case, found) if best else "no finding at all"
    return Outcome(case, said, judge(said, case.expected), rule, found.reason, seconds, untraced)


def _untraced(case: Case, found: Answer) -> str:
    """Every quote of the log stands there, word for word; a fix has at least one."""
    lines = case.log.split("\n")
    for finding in found.findings:
        for quote in finding.quotes:
            if quote.source != LOG_NAME:
                continue
            there = lines[quote.line - 1] if quote.line <= len(lines) else ""
            masked = "[masked]" in quote.text
            if not masked and not there.rstrip("\r").startswith(quote.text):
                return f"{quote.text!r} is not line {quote.line}"
    if found.decision != DECLINE and not found.findings[0].quotes:
        return "a change without a quote"
    return ""


def told(kind: str, names: Sequence[str]) -> str:
    """An answer in one phrase."""
    return f"{kind} {' '.join(names)}".strip()


@dataclass(frozen=True)
class Score:
    """All outcomes of a corpus."""

    outcomes: tuple[Outcome, ...]

    @property
    def claimed(self) -> list[Outcome]:
        """Cases that a change cures."""
        return [o for o in self.outcomes if o.case.expected.decision != DECLINE]

    @property
    def declined(self) -> list[Outcome]:
        """Cases that nobody may answer with a change."""
        return [o for o in self.outcomes if o.case.expected.decision == DECLINE]

    @property
    def right_of_claimed(self) -> float:
        """The share that was answered right; 1.0 of no cases."""
        right = sum(outcome.mark is Mark.RIGHT for outcome in self.claimed)
        return right / len(self.claimed) if self.claimed else 1.0

    @property
    def wrong_on_declined(self) -> list[Outcome]:
        """Fixes where nothing may be changed: there must be none."""
        return [outcome for outcome in self.declined if outcome.mark is not Mark.RIGHT]

    def table(self, title: str, rows: Iterable[tuple[str, Mark]]) -> list[str]:
        """One line per group: how many of each mark."""
        counts: dict[str, Counter[Mark]] = defaultdict(Counter)
        for group, mark in rows:
            counts[group][mark] += 1
        width = max([len(title), *map(len, counts)])
        head = f"{title:<{width}} {'cases':>6}" + "".join(f" {mark:>9}" for mark in Mark)
        lines = [head, "-" * len(head)]
        for group in sorted(counts):
            row = "".join(f" {counts[group][mark] or '.':>9}" for mark in Mark)
            lines.append(f"{group:<{width}} {counts[group].total():>6}{row}")
        return lines

    def report(self) -> str:
        """Tables per ecosystem and per kind, then every miss."""
        kinds = [(o.case.expected.kind, o.mark) for o in self.outcomes]
        systems = [(o.case.ecosystem, o.mark) for o in self.outcomes]
        everything = [("all", o.mark) for o in self.outcomes]
        lines = [*self.table("ecosystem", systems), "", *self.table("kind", kinds), ""]
        lines += [*self.table("", everything), ""]
        for outcome in self.misses():
            lines.append(f"{outcome.mark:<9}{outcome.case.id}: said {_phrase(outcome)}")
            lines.append(f"{'':9}expected {outcome.expected}")
        right = sum(outcome.mark is Mark.RIGHT for outcome in self.claimed)
        lines += ["", f"claimed: {right} of {len(self.claimed)} right ({self.right_of_claimed:.1%})"]
        lines += [
            f"to be declined: {len(self.wrong_on_declined)} of {len(self.declined)} answered with a change"
        ]
        return "\n".join(lines)

    def misses(self) -> list[Outcome]:
        """Every outcome that is not right, the worst first."""
        order = {Mark.WRONG: 0, Mark.PARTIAL: 1, Mark.DECLINED: 2}
        found = [outcome for outcome in self.outcomes if outcome.mark is not Mark.RIGHT]
        return sorted(found, key=lambda outcome: (order[outcome.mark], outcome.case.id))

    def document(self) -> list[dict[str, object]]:
        """The same for machines."""
        return [
            {
                "id": outcome.case.id,
                "ecosystem": outcome.case.ecosystem,
                "mark": str(outcome.mark),
                "said": asdict(outcome.said),
                "expected": outcome.case.expected.model_dump(),
                "rule": outcome.rule,
                "reason": outcome.reason,
                "seconds": round(outcome.seconds, 4),
            }
            for outcome in self.outcomes
        ]


def _phrase(outcome: Outcome) -> str:
    said = told(outcome.said.kind, outcome.said.names)
    return f"{said} [{outcome.rule}] {outcome.reason[:120]}"


def measure(cases: Iterable[Case]) -> Score:
    """Ask about all of them."""
    return Score(tuple(ask(case) for case in cases))
