"""A shared object that could not be opened, and messages that name a missing tool or library."""

from __future__ import annotations

import re
from collections.abc import Sequence

from activities.diagnosis.evidence import Phase
from activities.diagnosis.knowledge import (
    Message,
    compiled,
    known_distribution,
    library_package,
    messages,
)
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.system.files import Holds, equivalent, is_preferred, package_of
from activities.diagnosis.system.needs import Site, site_of
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_SONAME = r"((?:lib|ld-linux)[\w.+-]*?\.so(?:\.\d+)*)"
_SHARED_OBJECT = re.compile(
    rf"{_SONAME}: cannot open shared object file: No such file"
    rf"|[Ee]rror loading shared library {_SONAME}: No such file"
    r"|cannot load library '(?:lib)?(?P<stem>[\w.+-]+?)-(?P<number>\d+)'"
)
_CALLED = re.compile(r"FileNotFoundError: .*No such file or directory: ['\"]([\w.+-]+)['\"]$")
_ALSO_FILES = re.compile(
    r"^(?:file|host|view|watch|free|top|less|tree|time|test|main|app|run|build|at|as|ab|bc|go|gem|jar|mail|ip|R|strip"
    r"|identify|expect|start|server|serve|cron|nginx|composer|gradle|dev|web|worker|api|migrate|entrypoint)$"
)
_MAX_SAID = 120


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line that names a library, a tool or a command."""
    text, lines = place.line.plain, (place.line,)
    return shared_object(text, lines, project, place.phase) or known_message(
        text, lines, project, place.phase
    )


def shared_object(text: str, lines: tuple[LogLine, ...], project: Project, phase: Phase) -> Verdict | None:
    """The verdict on a library that the loader did not find, None where `text` speaks of none."""
    found = _SHARED_OBJECT.search(text)
    if found is None:
        return None
    soname = found[1] or found[2] or f"lib{found['stem']}.so.{found['number']}"
    manager = _manager(project)
    package = library_package(soname, manager, project.release)
    if package is None:
        found_in = package_of(Holds.SONAME, soname, manager, project.release)
        package = found_in[0] if found_in else None
    if package is None:
        where = manager or "the package manager of this image, which is not known"
        reason = f"which package of {where} carries {soname} is not known for certain"
        return Refusal("system.unknown_library", reason, lines[:1])
    release = project.release or f"release of {project.base_image or 'the base image'} not known"
    why = f"{soname} is missing; the {manager} package {package} carries it ({release})"
    rule = f"{_prefix(phase)}.shared_object"
    return Need(rule, FindingKind.ADD_SYSTEM_PACKAGE, (package,), lines, why)


def known_message(
    text: str, lines: tuple[LogLine, ...], project: Project, phase: Phase, place: Place | None = None
) -> Verdict | None:
    """The verdict on a message that is on record, None where `text` matches none.

    `place` tells the stage that lacks it; without one the built stage is meant.
    """
    for message in messages():
        if message.phase and message.phase != ("build" if phase is Phase.BUILD else "run"):
            continue
        found = compiled(message.pattern).search(text)
        if found is None:
            continue
        if message.kind == FindingKind.ADD_SYSTEM_PACKAGE:
            site = site_of(place, project) if place else None
            return _system_need(message, found[0][:_MAX_SAID], lines, project, phase, site)
        need = _python_need(message, found, lines)
        if need is not None:
            return need
    return _called_command(text, lines, project, phase)


def _called_command(text: str, lines: tuple[LogLine, ...], project: Project, phase: Phase) -> Verdict | None:
    """A program that Python tried to start; a data file is not mistaken for one that is called alike."""
    found = _CALLED.search(text)
    if found is None or _ALSO_FILES.match(found[1]) or not is_preferred(Holds.COMMAND, found[1]):
        return None
    packages = package_of(Holds.COMMAND, found[1], _manager(project), project.release)
    if not packages:
        return None
    why = f"the program calls {found[1]!r}, which is not installed; it comes with {', '.join(packages)}"
    rule = f"{_prefix(phase)}.called_command"
    return Need(rule, FindingKind.ADD_SYSTEM_PACKAGE, packages, lines, why)


def _prefix(phase: Phase) -> str:
    """`build.` says that the build lacked it, `system.` that the running program did."""
    return "build" if phase is Phase.BUILD else "system"


def _manager(project: Project) -> str:
    """Where neither Dockerfile nor base image is known, Debian's names are the ones meant most often."""
    unknown = project.facts is None and not project.base_image
    return project.package_manager or ("apt" if unknown else "")


def _system_need(
    message: Message,
    said: str,
    lines: tuple[LogLine, ...],
    project: Project,
    phase: Phase,
    site: Site | None,
) -> Verdict:
    rule = f"{_prefix(phase)}.{message.id}"
    manager = site.manager if site else _manager(project)
    names = _named_for(message, manager)
    if not names:
        where = manager or "an unknown package manager"
        return Refusal(rule, f"the log says {said!r}; the package for {where} is not known", lines[:1])
    wanted = list(names)
    builds_python = project.facts is None or bool(project.facts.pip_installs())
    if message.python_headers and project.python_is_system and builds_python:
        wanted.append("python3-dev")
    why = f"the log says {said!r}; what is missing comes with the {manager} package {', '.join(wanted)}"
    stage = site.stage if site else ""
    return Need(rule, FindingKind.ADD_SYSTEM_PACKAGE, tuple(wanted), lines, why, stage=stage)


def _named_for(message: Message, manager: str) -> Sequence[str]:
    """The packages by this manager's names; Red Hat's are found through Debian's."""
    if manager != "yum":
        return {"apt": message.apt, "apk": message.apk}.get(manager, ())
    found = [equivalent(name, manager) for name in message.apt]
    return [name for names in found for name in names] if all(found) else ()


def _python_need(message: Message, found: re.Match[str], lines: tuple[LogLine, ...]) -> Need | None:
    """A name taken from the message counts only where the import knowledge has it: logs are not trusted."""
    named = message.names or ((found[1],) if found.groups() and found[1] else ())
    known = [distribution for name in named if (distribution := known_distribution(name.rstrip(".")))]
    if not known or len(known) != len(named):
        return None
    names = tuple(distribution.name for distribution in known)
    why = f"the error itself asks for {', '.join(names)}"
    return Need(f"python.{message.id}", FindingKind.ADD_PYTHON_PACKAGE, names, lines, why)
