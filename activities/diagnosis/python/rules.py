"""Python's rules: tracebacks, and single lines that name a missing module."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from activities.diagnosis.declines import decline_chain
from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python import builds as python_builds
from activities.diagnosis.python import conflicts as python_conflicts
from activities.diagnosis.python import messages as python_messages
from activities.diagnosis.python import pip as python_pip
from activities.diagnosis.python import setup as python_setup
from activities.diagnosis.python.modules import missing_module
from activities.diagnosis.python.renamed import renamed_name
from activities.diagnosis.python.syntax import foreign_syntax
from activities.diagnosis.python.tracebacks import Chain, Raised, chains
from activities.diagnosis.reading import Block, Ecosystem, Place
from activities.diagnosis.system.libraries import known_message, shared_object
from activities.diagnosis.verdicts import Need, Verdict

_NO_MODULE = re.compile(
    r"(?:ModuleNotFoundError|ImportError): No module named (?:'([\w.]+)'|\"([\w.]+)\"|([\w.]+)\s*$)"
    r"|^\S*python[\d.]*: No module named ([\w.]+)$"
)
_ASIDE = re.compile(r"\b(?:WARN(?:ING)?|INFO|DEBUG|HINT|NOTICE)\b|[Ww]arning:")
"""A line that is written while all goes on."""
_WRAPS_IMPORT = re.compile(r"Import|Configur|Runtime|Load|Backend|Plugin|Usage|Command", re.IGNORECASE)


def blocks(lines: Sequence[LogLine], phase: Phase, project: Project) -> Sequence[Block]:
    """Every traceback; its last error is where it is judged."""
    index = {line.number: position for position, line in enumerate(lines)}
    found = [(chain, Place(lines, index[chain.final.log.number], phase)) for chain in chains(lines)]
    return [
        Block(frozenset(chain.lines), chain.final.log.number, partial(_of_chain, chain, place, project))
        for chain, place in found
    ]


def _of_chain(chain: Chain, place: Place, project: Project) -> Verdict:
    final, phase = chain.final, place.phase
    shown = final.frames[-1].code if final.frames else ""  # a setup script may say in its code what is wrong
    built = python_builds.of_text(f"{final.text}\n{shown}", place, project)
    if built is not None:
        return built
    pair = python_pip.of_text(final.text, place, project) or _of_releases(chain, project)
    if pair is not None:
        return pair
    message = known_message(final.text, (final.log,), project, phase)
    if message is not None and not _NO_MODULE.search(final.text.split("\n", 1)[0]):
        root = _missing_in(chain, project, phase)
        return root if isinstance(root, Need) else message
    root = _missing_in(chain, project, phase)
    if root is not None:
        return python_setup.in_build(root, place)
    return decline_chain(chain, phase)


def _of_releases(chain: Chain, project: Project) -> Verdict | None:
    """A release that does not fit what uses it, the Python under it, or the tools that build it."""
    foreign = foreign_syntax(chain, project)
    if foreign is not None:
        return foreign
    for raised in chain.roots():
        lines = (raised.log, *((raised.frames[-1].log,) if raised.frames else ()))
        verdict = python_messages.known_pair(raised.text, lines, raised.frames, project) or renamed_name(
            raised, project
        )
        if verdict is not None:
            return verdict
    return None


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


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line outside tracebacks."""
    line = place.line
    module = _module_in(line.plain)
    built = python_builds.of_line(place, project)
    if module and built is None:
        return python_setup.in_build(missing_module(module, line, (), project), place)
    return (
        built
        or python_conflicts.of_line(place, project)
        or python_pip.of_line(place, project)
        or (
            None
            if _ASIDE.search(line.plain)
            else python_messages.known_pair(line.plain, (line,), (), project)
        )
    )


ECOSYSTEM = Ecosystem("python", of_line, blocks)
