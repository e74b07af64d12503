"""What a rule says of one place in the evidence, before it is tied to a file."""

from __future__ import annotations

from dataclasses import dataclass

from activities.diagnosis.log_lines import LogLine
from workflows.models.finding import FindingKind


@dataclass(frozen=True)
class Need:
    """Something is missing or wrong, and what cures it is known."""

    rule: str
    kind: FindingKind
    names: tuple[str, ...]
    lines: tuple[LogLine, ...]
    """The lines that prove it, the decisive one first."""
    reason: str
    version: str = ""
    """Specifier that the name needs, '' for any release."""
    target: str = ""
    """Path of the file to change, relative to the workspace; '' for the usual one of this kind."""
    replaces: str = ""
    """What `names` takes the place of in the target (`Finding.replaces`)."""
    consulted: tuple[str, ...] = ()
    """What was asked beside the evidence: which table, which entry."""
    files: tuple[str, ...] = ()
    """The project's own files in the traceback: where a scan starts."""
    stage: str = ""
    """Number of the Dockerfile's stage to change (`Finding.stage`)."""


@dataclass(frozen=True)
class Refusal:
    """The true cause is something a manifest edit cannot cure."""

    rule: str
    reason: str
    lines: tuple[LogLine, ...]
    generic: bool = False
    """True for an error no rule knows: it yields to a known cause in the same build step."""


Verdict = Need | Refusal
