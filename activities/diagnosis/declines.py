"""Causes that no manifest edit cures: recognised so that they are named, quoted and left alone."""

from __future__ import annotations

import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.knowledge import causes
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Ecosystem, Place
from activities.diagnosis.tracebacks import Chain
from activities.diagnosis.verdicts import Refusal

_WEAK_IN_BUILDS = frozenset({"missing_file", "permission_denied", "name_mismatch"})
"""Build back ends report a missing tool in these words; a known tool in the same step says more."""


def known_decline(text: str, lines: tuple[LogLine, ...], phase: Phase) -> Refusal | None:
    """The refusal for a known cause in `text`, None where it names none."""
    for cause in causes():
        if cause.build_only and phase is not Phase.BUILD:
            continue
        if re.search(cause.pattern, text):
            weak = cause.id in _WEAK_IN_BUILDS and phase is Phase.BUILD
            return Refusal(f"decline.{cause.id}", cause.reason, lines, generic=weak)
    return None


def of_line(place: Place, _: Project) -> Refusal | None:
    """The refusal for a known cause in one line."""
    return known_decline(place.line.plain, (place.line,), place.phase)


def decline_chain(chain: Chain, phase: Phase) -> Refusal:
    """A traceback that no rule can cure: its known cause, or its last error by name."""
    for raised in reversed(chain.raised):
        known = known_decline(raised.text, (raised.log,), phase)
        if known is not None:
            return known
        if raised.link == "" or raised is not chain.final:
            break
    final = chain.final
    reason = f"the last error is {final.type}, which is not a missing dependency"
    return Refusal("decline.other_error", reason, (final.log,), generic=True)


ECOSYSTEM = Ecosystem("declines", of_line)
