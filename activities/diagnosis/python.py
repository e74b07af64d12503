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
    r"\berror\b|not found|failed|unable to|cannot|could not|can't|denied|refused|no such|no module"
    r"|in use|no space|killed|install|missing|not set|unknown|must be|require",
    re.IGNORECASE,
)
_WRAPS_IMPORT = re.compile(r"Import|Configur|Runtime|Load|Backend|Plugin|Usage|Command", re.IGNORECASE)


def verdicts(source: SourceText, project: Project) -> list[Verdict]:
    """All verdicts of one text in order; of a BuildKit log only those of the failed step."""
    log = read_log(source.text)
    found: list[Verdict] = []
    for stream, lines in log.streams().items():
        found += _of_stream(lines, source.phase, project, log.stage_of(stream))
    return sorted(found, key=lambda verdict: verdict.lines[0].number)


def decisive(found: list[Verdict], phase: Phase) -> Verdict | None:
    """The verdict that ended the attempt: the last one; in a build an unknown error yields to a known one."""
    known = [v for v in found if isinstance(v, Need) or not v.generic]
    if phase is Phase.BUILD and known:
        return known[-1]
    return found[-1] if found else None


def _of_stream(lines: list[LogLine], phase: Phase, project: Project, stage: str) -> Iterator[Verdict]:
    covered: set[int] = set()
    for chain in chains(lines):
        covered |= chain.lines
        yield _of_chain(chain, phase, project, stage)
    for line in lines:
        if line.number in covered or line.is_echo or not _ERROR_LINE.search(line.plain):
            continue
        verdict = _of_line(line, phase, project, stage)
        if verdict is not None:
            yield verdict


def _of_chain(chain: Chain, phase: Phase, project: Project, stage: str) -> Verdict:
    final = chain.final
    message = known_message(final.text, (final.log,), project, phase, stage)
    if message is not None and not _NO_MODULE.search(final.text.split("\n", 1)[0]):
        root = _missing_in(chain, project, stage)
        return root if isinstance(root, Need) else message
    root = _missing_in(chain, project, stage)
    if root is not None:
        return root
    return decline_chain(chain, phase)


def _missing_in(chain: Chain, project: Project, stage: str) -> Verdict | None:
    """A missing module or library that the chain's final error is, was raised from, or speaks of."""
    for raised in chain.roots():
        verdict = _missing_by(raised, project, stage)
        if verdict is not None:
            return verdict
    final = chain.final
    if _WRAPS_IMPORT.search(final.name):
        for raised in reversed(chain.raised[:-1]):
            module = _module_in(raised.text.split("\n", 1)[0])
            if module and re.search(rf"\b{re.escape(module.split('.')[0])}\b", final.text, re.IGNORECASE):
                return missing_module(module, raised.log, raised.frames, project)
    return None


def _missing_by(raised: Raised, project: Project, stage: str) -> Verdict | None:
    module = _module_in(raised.text.split("\n", 1)[0])
    if module:
        return missing_module(module, raised.log, raised.frames, project)
    return shared_object(raised.text, (raised.log,), project, stage)


def _module_in(text: str) -> str:
    found = _NO_MODULE.search(text)
    return next((value for value in found.groups() if value), "") if found else ""


def _of_line(line: LogLine, phase: Phase, project: Project, stage: str) -> Verdict | None:
    """The verdict on one line outside tracebacks."""
    lines = (line,)
    module = _module_in(line.plain)
    if module:
        return missing_module(module, line, (), project)
    return (
        shared_object(line.plain, lines, project, stage)
        or known_message(line.plain, lines, project, phase, stage)
        or missing_command(line.plain, lines)
        or _decline_line(line, phase)
    )


def _decline_line(line: LogLine, phase: Phase) -> Refusal | None:
    return known_decline(line.plain, (line,), phase)
