"""A name that the installed release of a library, or of Python itself, does not have (any more)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from packaging.requirements import Requirement

from activities.diagnosis.data_files import data_file
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python.base import other_python
from activities.diagnosis.python.tracebacks import Frame, Raised
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

RULE = "python.renamed_name"
_IMPORT = re.compile(
    r"ImportError: cannot import name (?P<quote>['\"]?)(?P<name>\w+)(?P=quote)"
    r"(?: from (?:partially initialized module )?['\"]?(?P<module>[\w.]+)['\"]?(?: \((?P<path>[^)]*)\))?)?"
)
_ATTRIBUTE = re.compile(
    r"AttributeError: (?:module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'"
    r"|'module' object has no attribute '(?P<old>\w+)'"
    r"|`np\.(?P<numpy>\w+)` was removed in the NumPy 2\.0 release)"
)
_FROM = re.compile(r"^\s*from\s+(?P<module>[\w.]+)\s+import\b")
_INSTALLED = re.compile(r"/(?:site|dist)-packages/|/python\d[\d.]*/|^/?usr/lib|<frozen|^(?:/var/task|/opt)/")
"""Where Python and its packages live; any other path is the application's own."""
_SITE = re.compile(r"/(?:site|dist)-packages/(?P<top>\w+)(?:\.py|/)")


def renamed_name(raised: Raised, project: Project) -> Verdict | None:
    """The verdict on an ImportError or AttributeError about a name on record, None for any other error."""
    module, name = _missing(raised)
    if not name or "circular import" in raised.text or "partially initialized" in raised.text:
        return None
    if module.split(".")[0] in (project.tree.root_modules() if project.tree else ()):
        return None
    lines = (raised.log, *((raised.frames[-1].log,) if raised.frames else ()))
    standard = _of_python(module, name, raised.frames, lines, project)
    if standard is not None:
        return standard
    entry = _names().get((module, name)) or _names().get((module.split(".")[0], name))
    if entry is None:
        return None
    return _pin(str(entry["pin"]), f"{module}.{name}", entry, raised.frames, lines, project)


def removed_submodule(module: str, frames: Sequence[Frame], log: LogLine, project: Project) -> Verdict | None:
    """The verdict on a module that a library dropped or does not have yet, None where none is on record."""
    parts = module.split(".")
    if module.endswith("six.moves") and len(parts) > 2:
        return _vendored_six(parts[0], module, frames, log, project)
    table: dict[str, list[str]] = data_file("python_renamed_names.json")["modules"]
    for size in range(len(parts), 1, -1):
        found = table.get(".".join(parts[:size]))
        if found:
            entry: dict[str, object] = {"newest_python": found[1] if len(found) > 1 else ""}
            return _pin(found[0], module, entry, frames, (log,), project)
    return None


def _vendored_six(
    top: str, module: str, frames: Sequence[Frame], log: LogLine, project: Project
) -> Verdict | None:
    """A copy of six that is older than Python 3.12, which ended the way it makes its modules."""
    running = project.python_version
    if not running or number(running) < (3, 12):
        return None
    fixed = {"kafka": "kafka-python>=2.1", "urllib3": "urllib3>=1.26.15", "botocore": "botocore>=1.31"}
    fixed |= {"pip": "pip>=23.1.2", "requests": "requests>=2.29", "boto": "boto3"}
    why = f"{module!r} is a copy of six that does not work on Python {running}"
    if top in fixed and ">" in fixed[top]:
        wanted = Requirement(fixed[top])
        kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
        lines = (log, *((frames[-1].log,) if frames else ()))
        return Need(RULE, kind, (wanted.name,), lines, f"{why}; {wanted} does", str(wanted.specifier))
    return other_python("vendored_six", "3.11", why, (log,), project)


def newer_standard_module(module: str, log: LogLine, project: Project) -> Verdict | None:
    """The verdict on a standard module that only newer Pythons have."""
    table: dict[str, str] = data_file("python_renamed_names.json")["standard_modules"]
    since = table.get(module) or table.get(module.split(".", maxsplit=1)[0], "")
    running = project.python_version
    if not since or not running or number(running) >= number(since):
        return None
    why = f"{module!r} came to Python with {since}, and the image has {running}"
    return other_python("standard_module", since, why, (log,), project)


def _missing(raised: Raised) -> tuple[str, str]:
    """(module, name) that an error speaks of, ('', '') for other errors."""
    first = raised.text.split("\n", 1)[0]
    found = _IMPORT.search(first)
    code = raised.frames[-1].code if raised.frames else ""
    if found:
        if found["path"] and not _INSTALLED.search(found["path"]) and found["path"] != "unknown location":
            return "", ""
        written = _FROM.match(code)
        return found["module"] or (written["module"] if written else ""), found["name"]
    found = _ATTRIBUTE.search(first)
    if found is None:
        return "", ""
    if found["numpy"]:
        return "numpy", found["numpy"]
    if found["old"]:
        used = re.search(rf"\b(\w+)\.{found['old']}\b", code)
        return {"np": "numpy", "pd": "pandas", "tf": "tensorflow"}.get(
            used[1], used[1]
        ) if used else "", found["old"]
    return found["module"], found["name"]


def _of_python(
    module: str, name: str, frames: Sequence[Frame], lines: tuple[LogLine, ...], project: Project
) -> Verdict | None:
    """A name of the standard library: another Python has it, unless a library can simply be newer."""
    data = data_file("python_renamed_names.json")
    running = project.python_version
    since = data["standard_new"].get(module, {}).get(name, "")
    if since and running and number(running) < number(since):
        why = f"{module}.{name} came to Python with {since}, and the image has {running}"
        return other_python("standard_name", since, why, lines, project)
    gone = data["standard_gone"].get(module, {}).get(name, "")
    if not gone or (running and number(running) < number(gone)):
        return None
    importer = importing_package(frames)
    who = f"the installed {importer}" if importer else "the application"
    why = f"{who} uses {module}.{name}, which left Python with {gone}"
    if number(gone) <= (3, 0):
        return Refusal("python.python2_only", f"{why}: the code is for Python 2", lines)
    before = f"3.{number(gone)[1] - 1}"
    return other_python("standard_name", before, why, lines, project)


def importing_package(frames: Sequence[Frame]) -> str:
    """The top-level name of the installed package whose code failed, '' for the application's own code."""
    found = _SITE.search(frames[-1].file) if frames else None
    return found["top"] if found else ""


def _pin(
    pin: str,
    what: str,
    entry: dict[str, object],
    frames: Sequence[Frame],
    lines: tuple[LogLine, ...],
    project: Project,
) -> Verdict:
    """Releases that have the name; where this Python has none of them, the library that asks goes up."""
    requirement = Requirement(pin)
    importer = importing_package(frames)
    newest, running = str(entry.get("newest_python", "")), project.python_version
    raised = entry.get("importers")
    up = raised.get(importer, "") if isinstance(raised, dict) else ""
    kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
    impossible = bool(newest and running) and number(running) > number(newest)
    if impossible and up:
        asking = Requirement(up)
        why = f"{asking.name} uses {what}, which the installed release lacks; {asking} does without"
        return Need(RULE, kind, (asking.name,), lines, why, str(asking.specifier))
    who = f"the installed {importer}" if importer else "the code"
    why = f"{who} uses {what}, which {requirement.name} has in releases {requirement.specifier}"
    if impossible:
        why += f"; those run on Python {newest} at most, and the image has {running}"
        return Refusal(RULE, why, lines)
    instead = str(entry.get("instead", ""))
    why += f" (newer ones keep it in {instead})" if instead else ""
    return Need(RULE, kind, (requirement.name,), lines, why, str(requirement.specifier))


@cache
def _names() -> dict[tuple[str, str], dict[str, object]]:
    entries: list[dict[str, object]] = data_file("python_renamed_names.json")["names"]
    return {(str(entry["module"]), str(entry["name"])): entry for entry in entries}
