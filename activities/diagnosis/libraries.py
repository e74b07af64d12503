"""A shared object that could not be opened, and messages that name a missing tool or library."""

from __future__ import annotations

import re
from collections.abc import Sequence

from activities.diagnosis.evidence import Phase
from activities.diagnosis.knowledge import (
    Message,
    command_provider,
    known_distribution,
    knows_library,
    library_package,
    messages,
)
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Ecosystem, Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_SONAME = r"(lib[\w.+-]+?\.so(?:\.\d+)*)"
_SHARED_OBJECT = re.compile(
    rf"{_SONAME}: cannot open shared object file: No such file"
    rf"|[Ee]rror loading shared library {_SONAME}: No such file"
    r"|cannot load library '(?:lib)?(?P<stem>[\w.+-]+?)-(?P<number>\d+)'"
)
_COMMAND = re.compile(
    r"exec: \"(?P<exec>[\w.-]+)\": executable file not found in \$PATH"
    r"|(?:^|/)(?:ba|da|a)?sh: (?:(?:line )?\d+: )?(?:exec: )?(?P<shell>[\w.-]+): (?:command )?not found$"
    r"|^env: \W(?P<env>[\w.-]+)\W: No such file"
    r"|: exec: line \d+: (?P<ash>[\w.-]+): not found$"
)
_BUILD_TOOLS = frozenset({"build-essential", "build-base", "gcc"})

_MAX_SAID = 120


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line that names a library, a tool or a command."""
    text, lines = place.line.plain, (place.line,)
    return (
        shared_object(text, lines, project, place.phase)
        or known_message(text, lines, project, place.phase)
        or missing_command(text, lines)
    )


def shared_object(text: str, lines: tuple[LogLine, ...], project: Project, phase: Phase) -> Verdict | None:
    """The verdict on a library that the loader did not find, None where `text` speaks of none."""
    found = _SHARED_OBJECT.search(text)
    if found is None:
        return None
    soname = found[1] or found[2] or f"lib{found['stem']}.so.{found['number']}"
    if not knows_library(soname):
        reason = f"which package carries {soname} is not known for certain"
        return Refusal("system.unknown_library", reason, lines[:1])
    manager = _manager(project)
    package = library_package(soname, manager, project.release)
    if package is None:
        where = manager or "the package manager of this image, which is not known"
        return Refusal(
            "system.unknown_library", f"the package of {soname} for {where} is not known", lines[:1]
        )
    release = project.release or f"release of {project.base_image or 'the base image'} not known"
    why = f"{soname} is missing; the {manager} package {package} carries it ({release})"
    rule = f"{_prefix(phase)}.shared_object"
    return Need(rule, FindingKind.ADD_SYSTEM_PACKAGE, (package,), lines, why)


def known_message(text: str, lines: tuple[LogLine, ...], project: Project, phase: Phase) -> Verdict | None:
    """The verdict on a message that is on record, None where `text` matches none."""
    for message in messages():
        if message.phase and message.phase != ("build" if phase is Phase.BUILD else "run"):
            continue
        found = re.search(message.pattern, text)
        if found is None:
            continue
        if message.kind == FindingKind.ADD_SYSTEM_PACKAGE:
            return _system_need(message, found[0][:_MAX_SAID], lines, project, phase)
        need = _python_need(message, found, lines)
        if need is not None:
            return need
    return None


def missing_command(text: str, lines: tuple[LogLine, ...]) -> Verdict | None:
    """The verdict on a command that is not installed, None where `text` speaks of none."""
    found = _COMMAND.search(text)
    command = next((value for value in found.groups() if value), "") if found else ""
    if not command:
        return None
    provider = command_provider(command)
    if provider is None:
        reason = (
            f"the command {command!r} is not installed, and which package brings it is not known for certain"
        )
        return Refusal("system.unknown_command", reason, lines[:1])
    why = f"the command {command!r} is not installed; the distribution {provider.name} brings it"
    return Need("python.command_not_found", FindingKind.ADD_PYTHON_PACKAGE, (provider.name,), lines, why)


def _prefix(phase: Phase) -> str:
    """`build.` says that the build lacked it, `system.` that the running program did."""
    return "build" if phase is Phase.BUILD else "system"


def _manager(project: Project) -> str:
    """Where neither Dockerfile nor base image is known, Debian's names are the ones meant most often."""
    unknown = project.facts is None and not project.base_image
    return project.package_manager or ("apt" if unknown else "")


def _system_need(
    message: Message, said: str, lines: tuple[LogLine, ...], project: Project, phase: Phase
) -> Verdict:
    rule = f"{_prefix(phase)}.{message.id}"
    manager = _manager(project)
    names: Sequence[str] = {"apt": message.apt, "apk": message.apk}.get(manager, ())
    if not names:
        where = manager or "an unknown package manager"
        return Refusal(rule, f"the log says {said!r}; the package for {where} is not known", lines[:1])
    wanted = list(names)
    if message.python_headers and project.python_is_system:
        wanted.append("python3-dev")
    why = f"the log says {said!r}; what is missing comes with the {manager} package {', '.join(wanted)}"
    return Need(rule, FindingKind.ADD_SYSTEM_PACKAGE, tuple(wanted), lines, why)


def _python_need(message: Message, found: re.Match[str], lines: tuple[LogLine, ...]) -> Need | None:
    """A name taken from the message counts only where the import knowledge has it: logs are not trusted."""
    named = message.names or ((found[1],) if found.groups() and found[1] else ())
    known = [distribution for name in named if (distribution := known_distribution(name.rstrip(".")))]
    if not known or len(known) != len(named):
        return None
    names = tuple(distribution.name for distribution in known)
    why = f"the error itself asks for {', '.join(names)}"
    return Need(f"python.{message.id}", FindingKind.ADD_PYTHON_PACKAGE, names, lines, why)


ECOSYSTEM = Ecosystem("libraries", of_line)
