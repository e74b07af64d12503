"""`No matching distribution found`: misspelt, not a package at all, or no release for this Python."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from activities.diagnosis.data_files import data_file
from activities.diagnosis.knowledge import is_standard, known_distribution
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python.base import other_python, without_alpine
from activities.diagnosis.python.package_index import is_popular, meant_by
from activities.diagnosis.python.parents import of_parent, parents
from activities.diagnosis.python.releases import (
    PYTHONS,
    nearest,
    newest_python,
    newest_python_of_all,
    newest_python_with_wheels,
    oldest_python,
    python_for,
    version_of,
    wheels_only,
)
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

_LISTED = re.compile(r"\(from versions: ([^)]*)\)?")
_IGNORED = re.compile(r"([\w.!+]+) Requires-Python ([<>=!~][^;]*)")
_NETWORK = re.compile(
    r"Retrying \(Retry\(|NewConnectionError|Could not fetch URL|Temporary failure in name resolution"
    r"|SSLError|ProxyError"
)
_DISCARDED = re.compile(r"WARNING: Discarding |Command errored out with exit status|setup command: use_2to3")
"""pip tried to build what it found and gave it up: the reason stands further up."""
_PRIVATE = re.compile(r"Looking in (?:indexes: \S+, \S+|links: )")
_UNKNOWN = "which does not exist, is private or cannot be told from a misspelt one"


def no_release(what: str, place: Place, project: Project) -> Verdict | None:
    """The verdict on a requirement for which the index offered nothing that fits."""
    what = re.sub(r"\s+", "", re.split(r"\s\(", what)[0]).rstrip(".,")
    try:
        requirement = Requirement(what)
    except InvalidRequirement:
        return None
    around = [*place.before(40), place.line]
    said = next((line for line in reversed(around) if _says(line, requirement.name)), place.line)
    network = next((line for line in reversed(place.before(12)) if _NETWORK.search(line.plain)), None)
    if any(_DISCARDED.search(line.plain) for line in place.before(40)):
        reason = f"no release of {requirement.name} could be built"
        return Refusal("python.no_release", reason, (place.line,), generic=True)
    listed = _listed(said)
    if network is not None and not listed:
        return Refusal(
            "python.index_unreachable", "the package index could not be reached", (network, place.line)
        )
    lines = (said, place.line) if said is not place.line else (said,)
    if listed:
        return _no_such_version(requirement, listed, lines, around, project)
    return _no_such_name(requirement, lines, around, project)


def _says(line: LogLine, name: str) -> bool:
    return (
        f"satisfies the requirement {name}" in line.plain or f"satisfy the requirement {name}" in line.plain
    )


def _listed(line: LogLine) -> list[str]:
    """Releases that pip says exist for this Python."""
    found = _LISTED.search(line.text)
    texts = found[1].split(",") if found else []
    return [text.strip() for text in texts if text.strip() and text.strip() != "none"]


def _no_such_name(
    requirement: Requirement, lines: tuple[LogLine, ...], around: list[LogLine], project: Project
) -> Verdict:
    """The index has nothing under this name, or nothing for this Python at all."""
    name, canonical = requirement.name, str(canonicalize_name(requirement.name))
    rule = "python.no_distribution"
    renamed = _no_package(name, canonical, lines)
    if renamed is not None:
        return renamed
    if wheels_only(name):
        return _no_wheel(requirement, lines, project)
    ignored = _ignored(around)
    if is_popular(name) or (known_distribution(name) is not None and ignored):
        return _for_other_python(requirement, ignored, lines, project)
    if any(_PRIVATE.search(line.plain) for line in around):
        reason = f"none of the indexes that were asked has {name}, which may be a private package"
        return Refusal(rule, reason, lines)
    meant = meant_by(name)
    if meant:
        why = f"the index has no distribution {name}; one slip away is {meant}, which is downloaded a lot"
        return Need(rule, FindingKind.RENAME_PYTHON_PACKAGE, (name, meant), lines, why, replaces=name)
    return Refusal(rule, f"the requirements ask for {name}, {_UNKNOWN}", lines)


def _no_package(name: str, canonical: str, lines: tuple[LogLine, ...]) -> Need | None:
    """Names that are on record as none of the index: foreign, standard, or called otherwise there."""
    rule, table = "python.no_distribution", data_file("python_renames.json")
    foreign = table["foreign"].get(canonical)
    if foreign or (is_standard(name, "") and not is_popular(name)) or _was_standard(name):
        why = f"{name} is no package of the index: {foreign or 'it belongs to Python itself'}"
        return Need(rule, FindingKind.REMOVE_PYTHON_PACKAGE, (name,), lines, why, replaces=name)
    renamed = table["renamed"].get(canonical)
    if renamed:
        why = f"the index has no distribution {name}; what is meant is called {renamed}"
        return Need(rule, FindingKind.RENAME_PYTHON_PACKAGE, (name, renamed), lines, why, replaces=name)
    return None


def _was_standard(name: str) -> bool:
    """Names that Python 2 or older Pythons had as modules."""
    old = {
        "urllib2",
        "configparser2",
        "stringio",
        "cstringio",
        "httplib",
        "tkinter",
        "cpickle",
        "cookielib",
        "asyncore",
    }
    return name.lower() in old or (
        name in data_file("python_removed.json")["removed"] and not is_popular(name)
    )


def _no_wheel(requirement: Requirement, lines: tuple[LogLine, ...], project: Project) -> Verdict:
    """A distribution that exists as wheels only has none for this image."""
    name, image = requirement.name, project.base_image
    slim = without_alpine(image)
    if "alpine" in image or project.package_manager == "apk":
        why = f"{name} is published as built wheels only, and none is for Alpine"
        if not slim:
            return Refusal("python.no_wheel", why, lines)
        kind = FindingKind.CHANGE_BASE_IMAGE
        return Need("python.no_wheel", kind, (slim,), lines, f"{why}; {slim} is Debian", replaces=image)
    release = next((clause.version for clause in requirement.specifier if clause.operator == "=="), "")
    newest = newest_python_with_wheels(name, release) if release else newest_python_of_all(name)
    running = project.python_version
    if newest and (not running or number(running) > number(newest)):
        why = f"{name} {release or 'so far'} has wheels up to Python {newest}"
        return other_python("no_wheel", newest, why, lines, project)
    return Refusal("python.no_wheel", f"{name} has no built wheel for this Python and processor", lines)


def _for_other_python(
    requirement: Requirement, ignored: dict[str, str], lines: tuple[LogLine, ...], project: Project
) -> Verdict:
    """The distribution exists; every release needs another Python than the image has."""
    name = requirement.name
    fitting = [python for release, python in ignored.items() if requirement.specifier.contains(release)]
    oldest = min((p for p in map(oldest_python, fitting) if p), key=number, default="")
    running = project.python_version
    bound = next((c.version for c in requirement.specifier if c.operator in ("==", ">=", "~=", ">")), "")
    newest = _last_python(fitting, project)
    if newest:
        why = f"every release of {name} that is asked for needs Python {newest} or older"
        return other_python("no_release", newest, why, lines, project)
    oldest = oldest or python_for(name, bound)
    if oldest and (not running or number(oldest) > number(running)):
        why = f"every release of {name} that is asked for needs Python {oldest} or newer"
        return other_python("no_release", oldest, why, lines, project)
    reason = f"{name} exists, but has no release for this Python and processor"
    return Refusal("python.no_release", reason, lines)


def _ignored(around: list[LogLine]) -> dict[str, str]:
    """Release -> Requires-Python, of those that pip says it left out for it."""
    found: dict[str, str] = {}
    for line in around:
        if "require a different python version" in line.plain or "Requires-Python" in line.plain:
            found |= {release: requires.strip() for release, requires in _IGNORED.findall(line.text)}
    return found


def _no_such_version(
    requirement: Requirement,
    listed: list[str],
    lines: tuple[LogLine, ...],
    around: list[LogLine],
    project: Project,
) -> Verdict:
    """The distribution exists, but not in a release that is asked for."""
    ignored = _ignored(around)
    wanted = [release for release in ignored if requirement.specifier.contains(release, prereleases=True)]
    newest = _last_python([ignored[release] for release in wanted], project)
    if newest:
        why = f"{requirement} needs Python {newest} or older"
        return other_python("no_release", newest, why, lines, project)
    oldest = min((p for r in wanted if (p := oldest_python(ignored[r]))), key=number, default="")
    running = project.python_version
    if oldest and (not running or number(oldest) > number(running)):
        why = f"{requirement} needs Python {oldest} or newer"
        return other_python("no_release", oldest, why, lines, project)
    asking = parents(lines)
    if asking:
        return of_parent(requirement, asking[0], lines)
    exact = next((c.version for c in requirement.specifier if c.operator in ("==", "===", "~=")), "")
    bound = exact or next((c.version for c in requirement.specifier if c.operator in (">=", ">")), "")
    by_python = _newer_python(requirement.name, bound, listed, lines, project)
    return by_python or _nearest(requirement, bound, "==" if exact else ">=", listed, lines)


def _nearest(
    requirement: Requirement, bound: str, operator: str, listed: list[str], lines: tuple[LogLine, ...]
) -> Verdict:
    """The release that comes closest to what is asked for, if any does."""
    release = nearest(bound.replace(".*", ""), listed) if bound else ""
    if not release:
        newest = ", ".join(listed[-3:])
        reason = f"no release of {requirement.name} fits {requirement.specifier}; the index offers {newest}"
        return Refusal("python.no_release", reason, lines)
    why = f"{requirement} does not exist for this Python; {release} is the nearest release that does"
    kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
    return Need("python.no_release", kind, (requirement.name,), lines, why, operator + release)


def _newer_python(
    name: str, release: str, listed: list[str], lines: tuple[LogLine, ...], project: Project
) -> Verdict | None:
    """The release exists, for another Python than the image has."""
    known = [v for text in listed if (v := version_of(text))]
    version = version_of(release)
    if version is None or not known:
        return None
    running = project.python_version
    newest = newest_python_with_wheels(name, release)
    if version < min(known) and newest and (not running or number(running) > number(newest)):
        why = f"{name} {release} has wheels up to Python {newest} only"
        return other_python("no_release", newest, why, lines, project)
    oldest = python_for(name, release)
    if version > max(known) and oldest and running and number(oldest) > number(running):
        why = f"{name} {release} needs Python {oldest}, and the image has {running}"
        return other_python("no_release", oldest, why, lines, project)
    return None


def _last_python(requires: list[str], project: Project) -> str:
    """The newest Python that any of these Requires-Python admits, where the image's own is newer; else ''."""
    newest = max((p for one in requires if (p := newest_python(one))), key=number, default="")
    floats = re.search(r"(?:^|/)python(?::(?:3|latest)?(?:-[a-z]+)*)?$", project.base_image)
    running = project.python_version or (PYTHONS[-1] if floats else "")
    return newest if newest and running and number(newest) < number(running) else ""
