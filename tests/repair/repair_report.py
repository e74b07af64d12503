"""What came of the repairs: a line per case, a table per class of damage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.repair.broken import Broken, End

_DETAIL = 300


@dataclass(frozen=True)
class Outcome:
    """What came of one case."""

    case: Broken
    end: End
    seconds: float
    """Of the run; setting up and taking away not counted."""
    detail: str = ""
    rounds: int = 0

    @property
    def as_expected(self) -> bool:
        """Whether it ended as the case says it must."""
        return self.end is self.case.end

    def line(self) -> str:
        """One line for a reader."""
        mark = "right" if self.as_expected else "MISSED"
        said = f"{mark:<7}{self.case.id:<34}{self.end:<12}{self.rounds:>2} rounds {self.seconds:>6.1f} s"
        return said if self.as_expected else f"{said}  {' '.join(self.detail.split())[:_DETAIL]}"

    def document(self) -> dict[str, object]:
        """The same for machines."""
        return {
            "id": self.case.id,
            "ecosystem": self.case.ecosystem,
            "damage": str(self.case.damage),
            "expected": str(self.case.end),
            "end": str(self.end),
            "right": self.as_expected,
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
            "detail": self.detail,
        }


def report(outcomes: Sequence[Outcome]) -> str:
    """Per class: how many ended how, how many as expected, and the seconds of a run."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.case.damage].append(outcome)
        groups[f"ecosystem {outcome.case.ecosystem}"].append(outcome)
    groups["all"] = list(outcomes)
    width = max(map(len, groups))
    head = (
        f"{'':<{width}} {'cases':>6} {'right':>6}"
        + "".join(f" {end:>12}" for end in End)
        + f" {'seconds':>12}"
    )
    lines = [head, "-" * len(head)]
    order = sorted(groups, key=lambda name: (name == "all", name.startswith("ecosystem"), name))
    lines += [_row(name, groups[name], width) for name in order]
    played = [outcome for outcome in outcomes if outcome.end is not End.NOT_PLAYED]
    wanted = [outcome for outcome in played if outcome.case.end is End.REPAIRED]
    repaired = sum(outcome.end is End.REPAIRED for outcome in wanted)
    wrong = sum(outcome.end is End.WRONG for outcome in outcomes)
    share = repaired / len(wanted) if wanted else 1.0
    lines += ["", f"repaired: {repaired} of {len(wanted)} that can be ({share:.0%}); {wrong} wrong of all"]
    lines += [f"not played here: {o.case.id}" for o in outcomes if o.end is End.NOT_PLAYED]
    return "\n".join(lines)


def _row(name: str, outcomes: Sequence[Outcome], width: int) -> str:
    counts = "".join(f" {sum(o.end is end for o in outcomes) or '.':>12}" for end in End)
    right = sum(outcome.as_expected for outcome in outcomes)
    seconds = sorted(outcome.seconds for outcome in outcomes)
    span = f"{seconds[len(seconds) // 2]:.0f} ({seconds[0]:.0f}-{seconds[-1]:.0f})" if seconds else "-"
    return f"{name:<{width}} {len(outcomes):>6} {right:>6}{counts} {span:>12}"
