"""Causes that no manifest edit cures: recognised so that they are named, quoted and left alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from activities.diagnosis.evidence import Phase
from activities.diagnosis.knowledge import causes, compiled
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python.tracebacks import Chain
from activities.diagnosis.reading import Block, Ecosystem, Place
from activities.diagnosis.verdicts import Refusal

_KILLED = re.compile(
    r"returned a non-zero code: 137\b|did not complete successfully: exit code: 137\b|exit code: 137$"
)
_WEAK_IN_BUILDS = re.compile(
    r"^(?:missing_file|permission_denied|name_mismatch|runtime_error|compile_error|archive|options|git_remote"
    r"|own_tests|signature|missing_setting|checksum|too_old|configuration|syntax_error)$"
)
"""What follows from a missing tool is reported in these words; a known tool in the same step says more."""


def known_decline(text: str, lines: tuple[LogLine, ...], phase: Phase) -> Refusal | None:
    """The refusal for a known cause in `text`, None where it names none."""
    for cause in causes():
        if cause.build_only and phase is not Phase.BUILD:
            continue
        if compiled(cause.pattern).search(text):
            weak = bool(_WEAK_IN_BUILDS.match(cause.id)) and phase is Phase.BUILD
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


def blocks(lines: Sequence[LogLine], phase: Phase, _: Project) -> Sequence[Block]:
    """A step that was killed: only the echo of its command says so."""
    killed = [line for line in lines if phase is Phase.BUILD and _KILLED.search(line.plain)]
    reason = "the build step was killed: it ran out of memory"
    return [
        Block(
            frozenset({line.number}), line.number, partial(Refusal, "decline.out_of_memory", reason, (line,))
        )
        for line in killed[-1:]
    ]


ECOSYSTEM = Ecosystem("declines", of_line, blocks)
