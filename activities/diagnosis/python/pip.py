"""What pip, uv and Poetry say when they cannot install what the manifests ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from packaging.requirements import InvalidRequirement, Requirement

from activities.diagnosis.data_files import data_file
from activities.diagnosis.project import Project
from activities.diagnosis.python import quarrels as python_quarrels
from activities.diagnosis.python.base import other_python
from activities.diagnosis.python.missing import no_release
from activities.diagnosis.python.package_index import is_popular
from activities.diagnosis.python.releases import (
    before_this_series,
    last_for,
    newest_python,
    oldest_python,
    short,
    version_of,
)
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

_LOOK_BACK = 60
_COLLECTING = re.compile(r"^\s*(?:Collecting|Downloading/unpacking) (?P<what>[\w.-]+(?:\[[\w,.-]+\])?\S*)")
_DOWNLOADED = re.compile(
    r"(?:Downloading|Using cached) \S*?(?P<name>[A-Za-z0-9][\w.]*?)-(?P<version>\d[\w.!+]*?)"
    r"(?:-(?:py|cp)\S*\.whl|\.tar|\.zip)"
)
_LOCAL = re.compile(r"^\s*(?:Obtaining|Processing|Collecting) (?:file:|/|\./|git\+|hg\+|https?://)")
_PIP_COMMAND = re.compile(r"(?:python[\d.]* -m )?\bpip[\d.]* install\b")

Handler = Callable[[re.Match[str], Place, Project], Verdict | None]


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line of an installer, None where it says nothing on record."""
    return of_text(place.line.plain, place, project)


def of_text(text: str, place: Place, project: Project) -> Verdict | None:
    """The same for the text of an error that ends at `place`."""
    for word, pattern, handler in _rules():
        found = pattern.search(text) if word in text else None
        verdict = handler(found, place, project) if found else None
        if verdict is not None:
            return verdict
    return None


def _other_python(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """`Package 'x' requires a different Python: 3.5.9 not in '>=3.6'` in all its spellings."""
    running = short(found.groupdict().get("running") or "")
    if found.groupdict().get("exact"):
        why = f"{found['name']} as pinned needs Python {found['requires']}, and the image has {running}"
        return other_python("requires_python", oldest_python(found["requires"]), why, (place.line,), project)
    return needs_python(found["name"].split("[")[0], found["requires"], running, place, project)


def needs_python(name: str, requires: str, running: str, place: Place, project: Project) -> Verdict | None:
    """The verdict on a distribution that refuses this Python: another release of it, or another Python."""
    running = running or project.python_version
    line = place.line
    wanted = oldest_python(requires)
    if not wanted or not running:
        return None
    why = f"{name} needs Python {requires}, and the image has {running}"
    if number(running) > number(wanted):
        newest = newest_python(requires)
        older = bool(newest) and number(newest) < number(running)
        return other_python("requires_python", newest, why, (line,), project) if older else None
    pin = _older_release(name, running, place)
    if pin:
        reason = f"{why}; releases {pin} of it still run on Python {running}"
        kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
        return Need("python.requires_python", kind, (name,), (line,), reason, pin)
    if number(running) < (3, 0):
        reason = f"{why}; the application would have to move from Python 2 to 3"
        return Refusal("python.requires_python", reason, (line,))
    return other_python("requires_python", wanted, why, (line,), project)


def _project_python(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """The project itself says which Python it wants: `^3.8` to Poetry, `>=3.10` to uv."""
    requires = re.sub(
        r"\^(\d)\.(\d+)[\d.]*", lambda m: f">={m[1]}.{m[2]},<{int(m[1]) + 1}", found["requires"]
    )
    wanted, running = oldest_python(requires), found["running"]
    if wanted and number(wanted) < number(running):
        wanted = newest_python(requires)
    if not wanted or number(wanted) == number(running):
        return None
    why = f"the project wants Python {found['requires']}, and the image has {running}"
    return other_python("project_python", wanted, why, (place.line,), project)


def _older_release(name: str, running: str, place: Place) -> str:
    """Releases that still run on this Python, where the manifest leaves the choice; '' elsewhere."""
    asked = _asked_for(name, place)
    if _is_local(name, place) or (asked is not None and _is_exact(asked)):
        return ""
    return last_for(name, running) or before_this_series(_downloaded(name, place))


def _venv(_: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """Debian keeps what `python3 -m venv` needs in a package of its own."""
    if project.package_manager not in ("apt", ""):
        return None
    why = "python3 -m venv needs ensurepip, which Debian keeps in its package python3-venv"
    kind = FindingKind.ADD_SYSTEM_PACKAGE
    return Need("build.python_venv", kind, ("python3-venv",), (place.line,), why)


def _asked_for(name: str, place: Place) -> Requirement | None:
    """The requirement that pip was collecting when it said so."""
    for line in reversed(place.before(_LOOK_BACK)):
        found = _COLLECTING.match(line.plain)
        if found and re.split(r"[\[<>=!~;]", found["what"])[0].lower() == name.lower():
            try:
                return Requirement(found["what"])
            except InvalidRequirement:
                return None
    return None


def _is_exact(requirement: Requirement) -> bool:
    return any(clause.operator in ("==", "===") for clause in requirement.specifier)


def _is_local(name: str, place: Place) -> bool:
    """Whether it is the project itself or comes from a repository: then it has no version to pin."""
    before = list(reversed(place.before(_LOOK_BACK)))
    latest = next(
        (line.plain for line in before if _COLLECTING.match(line.plain) or _LOCAL.match(line.plain)), ""
    )
    return bool(_LOCAL.match(latest)) or (not latest and not is_popular(name))


def _downloaded(name: str, place: Place) -> str:
    """The release of `name` that pip had just fetched, '' where the log does not show it."""
    wanted = re.sub(r"[-_.]+", "-", name).lower()
    for line in reversed(place.before(_LOOK_BACK)):
        found = _DOWNLOADED.search(line.plain)
        if found and re.sub(r"[-_.]+", "-", found["name"]).lower() == wanted and version_of(found["version"]):
            return found["version"]
    return ""


def pip_command(project: Project) -> str:
    """The way the Dockerfile itself installs: `pip3 install`, `python3 -m pip install`."""
    facts = project.facts
    for instruction in facts.instructions if facts else ():
        found = _PIP_COMMAND.search(instruction.text) if instruction.keyword == "RUN" else None
        if found:
            return found[0]
    return "pip install"


def _externally_managed(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """Debian 12 and later guard their own Python; in an image nothing else uses it."""
    why = "the distribution's Python refuses pip (externally managed); in an image nobody else uses it"
    pip = pip_command(project)
    command = f"{pip} --break-system-packages"
    lines = (place.line,)
    return Need(
        "python.externally_managed",
        FindingKind.EDIT_RUN_COMMAND,
        (command,),
        lines,
        why,
        target=project.dockerfile_target(),
        replaces=pip,
    )


def _distutils_installed(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """pip cannot replace what the distribution installed without a list of files."""
    name = found["name"]
    why = f"{name} comes with the system without a list of its files: pip cannot replace it, only cover it"
    pip = pip_command(project)
    command = f"{pip} --ignore-installed {name}"
    return Need(
        "python.distutils_installed",
        FindingKind.EDIT_RUN_COMMAND,
        (command,),
        (place.line,),
        why,
        target=project.dockerfile_target(),
        replaces=pip,
    )


def _no_release(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    return no_release(found["what"], place, project)


_HANDLERS: dict[str, Handler] = {
    "other_python": _other_python,
    "no_release": _no_release,
    "externally_managed": _externally_managed,
    "distutils_installed": _distutils_installed,
    "private_repository": python_quarrels.private_repository,
    "duplicate": python_quarrels.duplicate,
    "invalid_operator": python_quarrels.invalid_operator,
    "absent_build_file": python_quarrels.absent_build_file,
    "hashes": python_quarrels.hashes,
    "version_conflict": python_quarrels.version_conflict,
    "pip_check": python_quarrels.pip_check,
    "venv": _venv,
    "project_python": _project_python,
}


@cache
def _rules() -> tuple[tuple[str, re.Pattern[str], Handler], ...]:
    entries = data_file("python_installers.json")["messages"]
    return tuple((e["word"], re.compile(e["pattern"]), _HANDLERS[e["id"]]) for e in entries)
