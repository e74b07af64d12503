"""Python's rules: tracebacks and single lines of one log, turned into verdicts in order of appearance."""

from __future__ import annotations

import re
from collections.abc import Iterator

from activities.diagnosis.declines import decline_chain, known_decline
from activities.diagnosis.evidence import Phase, SourceText
from activities.diagnosis.libraries import known_message, missing_command, shared_object
from activities.diagnosis.log_lines import LogLine, read_log
from activities.diagnosis.modules import missing_module
from activities.diagnosis.project import Project
from activities.diagnosis.tracebacks import Chain, Raised, chains
from activities.diagnosis.verdicts import Need, Refusal, Verdict

_NO_MODULE = re.compile(
    r"(?:ModuleNotFoundError|ImportError): No module named (?:'([\w.]+)'|\"([\w.]+)\"|([\w.]+)\s*$)"
    r"|^\S*python[\d.]*: No module named ([\w.]+)$"
)
_ERROR_LINE = re.compile(
    r"error|exception|need|not found|failed|unable to|cannot|could not|can't|denied|refused|no such|no module"
    r"|in use|no space|killed|install|missing|not set|unknown|must be|require",
    re.IGNORECASE,
)
_MAX_ERROR_LINES = 3000
_WRAPS_IMPORT = re.compile(r"Import|Configur|Runtime|Load|Backend|Plugin|Usage|Command", re.IGNORECASE)


def decisive(source: SourceText, project: Project) -> Verdict | None:
    """The verdict on what ended the attempt: the last one that any stream of the text gives.

    In a build an error that no rule knows yields to a known cause earlier in the same step. Of a
    BuildKit log only the failed step counts.
    """
    streams = read_log(source.text).streams().values()
    found = [verdict for lines in streams if (verdict := _last(lines, source.phase, project))]
    if source.phase is Phase.BUILD:
        found = [verdict for verdict in found if not _is_generic(verdict)] or found
    return max(found, key=lambda verdict: verdict.lines[0].number, default=None)


def _last(lines: list[LogLine], phase: Phase, project: Project) -> Verdict | None:
    """Read from the end, so that a long log costs no more than its tail."""
    weak: Verdict | None = None
    for verdict in _backwards(lines, phase, project):
        if phase is not Phase.BUILD or not _is_generic(verdict):
            return verdict
        weak = weak or verdict
    return weak


def _backwards(lines: list[LogLine], phase: Phase, project: Project) -> Iterator[Verdict]:
    chained = {chain.final.log.number: chain for chain in chains(lines)}
    covered = {number for chain in chained.values() for number in chain.lines}
    looked_at = 0
    for line in reversed(lines):
        verdict: Verdict | None = None
        if line.number in chained:
            verdict = _of_chain(chained[line.number], phase, project)
        elif line.number not in covered and not line.is_echo and _ERROR_LINE.search(line.plain):
            looked_at += 1
            verdict = _of_line(line, phase, project)
        if verdict is not None:
            yield verdict
        if looked_at >= _MAX_ERROR_LINES:
            return


def _is_generic(verdict: Verdict) -> bool:
    return isinstance(verdict, Refusal) and verdict.generic


def _of_chain(chain: Chain, phase: Phase, project: Project) -> Verdict:
    final = chain.final
    message = known_message(final.text, (final.log,), project, phase)
    if message is not None and not _NO_MODULE.search(final.text.split("\n", 1)[0]):
        root = _missing_in(chain, project, phase)
        return root if isinstance(root, Need) else message
    root = _missing_in(chain, project, phase)
    if root is not None:
        return root
    return decline_chain(chain, phase)


def _missing_in(chain: Chain, project: Project, phase: Phase) -> Verdict | None:
    """A missing module or library that the chain's final error is, was raised from, or speaks of."""
    for raised in chain.roots():
        verdict = _missing_by(raised, project, phase)
        if verdict is not None:
            return verdict
    final = chain.final
    if _WRAPS_IMPORT.search(final.name):
        for raised in reversed(chain.raised[:-1]):
            module = _module_in(raised.text.split("\n", 1)[0])
            if module and re.search(rf"\b{re.escape(module.split('.')[0])}\b", final.text, re.IGNORECASE):
                return missing_module(module, raised.log, raised.frames, project)
    return None


def _missing_by(raised: Raised, project: Project, phase: Phase) -> Verdict | None:
    module = _module_in(raised.text.split("\n", 1)[0])
    if module:
        return missing_module(module, raised.log, raised.frames, project)
    return shared_object(raised.text, (raised.log,), project, phase)


def _module_in(text: str) -> str:
    found = _NO_MODULE.search(text)
    return next((value for value in found.groups() if value), "") if found else ""


def _of_line(line: LogLine, phase: Phase, project: Project) -> Verdict | None:
    """The verdict on one line outside tracebacks."""
    lines = (line,)
    module = _module_in(line.plain)
    if module:
        return missing_module(module, line, (), project)
    return (
        shared_object(line.plain, lines, project, phase)
        or known_message(line.plain, lines, project, phase)
        or missing_command(line.plain, lines)
        or _decline_line(line, phase)
    )


def _decline_line(line: LogLine, phase: Phase) -> Refusal | None:
    return known_decline(line.plain, (line,), phase)
