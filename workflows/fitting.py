"""What a run tells, in a size that its history can keep many times over, however long logs and lists are.

The whole is in the artifacts of the steps, and what is cut here says so. Only sentences and quotes are cut;
what the next step acts on stays as it is. Pure.
"""

from collections.abc import Iterable
from typing import Final

from workflows.models.finding import Finding, Quote
from workflows.models.snapshot import NeighbourProof

MAX_QUOTES: Final = 3
QUOTE_CHARACTERS: Final = 300
FINDINGS_PROSE: Final = 1200
"""Characters for reasons, quotes and doubts of all findings together; the first ones come first."""
FINDING_PROSE: Final = 900
"""Of one of them."""
SCANT_CHARACTERS: Final = 100
MAX_NEIGHBOURS: Final = 5
_CUT: Final = " [cut]"


def cut(text: str, most: int) -> str:
    """At most so many characters, and a mark where something is missing."""
    return text if len(text) <= most else text[: most - len(_CUT)] + _CUT


def fitted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Cause and cure of each; the words for the first of them. ``analyze.log`` has everything."""
    room, kept = FINDINGS_PROSE, []
    for finding in findings:
        ways = (finding, _short(finding), _brief(finding), scant(finding))
        short = next((way for way in ways if _prose(way) <= min(room, FINDING_PROSE)), ways[-1])
        room -= _prose(short)
        kept.append(short)
    return tuple(kept)


def fitted_neighbours(proof: NeighbourProof) -> NeighbourProof:
    """Where they are many, only those that anything is said of; ``containers.json`` has them all."""
    if max(len(proof.before), len(proof.after)) <= MAX_NEIGHBOURS:
        return proof
    told = sorted({*proof.changed, *proof.self_restarted, *proof.excused})[:MAX_NEIGHBOURS]
    names = {container.name for container in (*proof.before, *proof.after)}
    return proof.model_copy(
        update={
            "before": tuple(c for c in proof.before if c.name in told),
            "after": tuple(c for c in proof.after if c.name in told),
            "omitted": proof.omitted + len(names - {*told}),
        }
    )


def _short(finding: Finding) -> Finding:
    return finding.model_copy(
        update={
            "reason": cut(finding.reason, 2 * QUOTE_CHARACTERS),
            "quotes": tuple(_quote(quote) for quote in finding.quotes[:MAX_QUOTES]),
            "consulted": tuple(cut(line, QUOTE_CHARACTERS) for line in finding.consulted[:MAX_QUOTES]),
            "doubts": tuple(cut(line, QUOTE_CHARACTERS) for line in finding.doubts[:MAX_QUOTES]),
        }
    )


def _brief(finding: Finding) -> Finding:
    return scant(finding).model_copy(update={"quotes": tuple(_quote(quote) for quote in finding.quotes[:1])})


def scant(finding: Finding) -> Finding:
    """Cause and cure, and the beginning of why."""
    return finding.model_copy(
        update={
            "reason": cut(finding.reason, SCANT_CHARACTERS),
            "quotes": (),
            "consulted": (),
            "doubts": tuple(cut(line, SCANT_CHARACTERS) for line in finding.doubts[:1]),
        }
    )


def _prose(finding: Finding) -> int:
    quoted = sum(len(quote.text) for quote in finding.quotes)
    return len(finding.reason) + quoted + sum(map(len, (*finding.consulted, *finding.doubts)))


def _quote(quote: Quote) -> Quote:
    short = cut(quote.text, QUOTE_CHARACTERS)
    return quote if short == quote.text else quote.model_copy(update={"text": short})
