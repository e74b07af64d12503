"""Distributions that have to be built, and fail because their release is too old for the tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

from packaging.requirements import InvalidRequirement, Requirement

from activities.diagnosis.data_files import data_file
from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python import pip as python_pip
from activities.diagnosis.python.base import other_python
from activities.diagnosis.python.releases import first_with_wheels, version_of
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Verdict
from activities.diagnosis.versions import number
from activities.manifests.names import canonical
from workflows.models.finding import FindingKind

_LOOK_BACK = 400
_COLLECTING = re.compile(r"^\s*Collecting (?P<what>[\w.-]+(?:\[[\w,.-]+\])?[^\s;(]*)")
_BUILDING = re.compile(
    r"Failed building wheel for (?P<failed>[\w.-]+)|Could not build wheels for (?P<could>[\w.-]+)"
    r"|Building wheel for (?P<building>[\w.-]+) \([^)]*\): finished with status 'error'"
    r"|/pip-(?:install|build|req-build)-(?!env-)[\w-]+/(?P<folder>[A-Za-z][\w.-]*?)(?:_[0-9a-f]{32})?/"
    r"|error in (?P<command>[\w.-]+) setup command|ERROR: Failed to build '(?P<quoted>[\w.-]+)'"
)
_FETCHED = r"(?:Downloading|Using cached) \S*?{name}-(\d[\w.!+]*?)(?:\.tar|\.zip|-(?:py|cp))"

_ISOLATED = re.compile(r"/pip-build-env-|Getting requirements to build wheel did not|pyproject_hooks")

Handler = Callable[[Place, Project], Verdict | None]


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line of a failed build of a distribution, None where it says nothing on record."""
    if place.phase is not Phase.BUILD:
        return None
    for pattern, handler in _rules():
        if pattern.search(place.line.plain):
            return handler(place, project)
    return None


def of_text(text: str, place: Place, project: Project) -> Verdict | None:
    """The same for the text of a traceback that ends at `place`."""
    if place.phase is not Phase.BUILD:
        return None
    for pattern, handler in _rules():
        if pattern.search(text):
            return handler(place, project)
    return None


def _setuptools(below: str, what: str) -> Handler:
    """A release of setuptools took away what an old setup.py relies on."""

    def handler(place: Place, project: Project) -> Verdict:
        why = f"{_built(place)[0] or 'a package'} uses {what}, which setuptools {below} still has"
        kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
        target = project.dockerfile_target()
        return Need("python.old_setup", kind, ("setuptools",), (place.line,), why, f"<{below}", target=target)

    return handler


def _cython_sources(place: Place, _: Project) -> Verdict:
    """PyYAML 5.4 and 6.0 cannot be built with Cython 3, which the build fetches unasked."""
    asked = _collected("pyyaml", place)
    narrow = asked is not None and not asked.specifier.contains("6.0.1") and not _exact(asked)
    pin = "==5.3.1" if narrow else ">=6.0.1"
    release = _fetched("pyyaml", place) or "before 6.0.1"
    why = f"PyYAML {release} cannot be built with Cython 3; {pin} can be installed"
    kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
    return Need("python.cython3", kind, ("PyYAML",), (place.line,), why, pin)


def _too_old_for_python(since: str, what: str) -> Handler:
    """C code or a setup script from before this Python: a release with wheels for it, or an older Python."""

    def handler(place: Place, project: Project) -> Verdict | None:
        name, _ = _built(place)
        running = project.python_version
        if running and number(running) < number(since):
            return None
        first = first_with_wheels(name, running or since) if name else ""
        lines = (place.line,)
        if first:
            release = _fetched(name, place)
            old = version_of(release)
            if old is not None and old >= version_of(first):  # type: ignore[operator]
                return None
            asked = _collected(name, place)
            pin = f"=={first}" if asked is not None and _exact(asked) else f">={first}"
            why = f"{name} {release or 'as pinned'} is older than Python {running or since}, which {what}"
            why += f"; {first} is the first release built for it"
            kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
            return Need("python.too_old_for_python", kind, (name,), lines, why, pin)
        before = f"3.{number(since)[1] - 1}"
        why = f"{name or 'a package'} is older than Python {since}, which {what}"
        return other_python("too_old_for_python", before, why, lines, project)

    return handler


def _needs_python(pattern: re.Pattern[str]) -> Handler:
    """A setup script that looks at the Python it runs on and gives up."""

    def handler(place: Place, project: Project) -> Verdict | None:
        found = pattern.search(place.line.plain)
        name = _built(place)[0] if found else ""
        requires = found["requires"].replace(" ", "") if found else ""
        requires = requires if requires.startswith(">") else f">={requires}"
        return python_pip.needs_python(name, requires, "", place, project) if name else None

    return handler


def _distutils_in_build(place: Place, project: Project) -> Verdict | None:
    """Old tools that an old release asks for itself, in the room of its own that pip builds it in."""
    near = [*place.before(60), *place.after(20)]
    if not is_isolated(near):
        return None
    return _too_old_for_python("3.12", "has no distutils")(place, project)


def is_isolated(lines: Iterable[LogLine]) -> bool:
    """Whether pip builds in an environment of its own, where what the image has installed does not count."""
    return any(_ISOLATED.search(line.plain) for line in lines)


def _sklearn(place: Place, _: Project) -> Verdict | None:
    """The index's `sklearn` refuses to be installed and says so itself."""
    around = [*place.before(12), place.line, *place.after(12)]
    said = next((line for line in around if "The 'sklearn' PyPI package is deprecated" in line.plain), None)
    if said is None:
        return None
    why = "the distribution 'sklearn' is an empty shell that refuses to be installed; scikit-learn is meant"
    kind = FindingKind.RENAME_PYTHON_PACKAGE
    return Need("python.renamed", kind, ("sklearn", "scikit-learn"), (said,), why, replaces="sklearn")


def _renamed(place: Place, _: Project) -> Verdict | None:
    """A release that says it goes by another name now; the name is the one on record, not the log's."""
    name, said = _built(place)
    known = data_file("python_renames.json")["renamed"].get(canonical(name))
    if not known:
        return None
    why = f"{name} refuses to be built, because it is called {known} now"
    lines = (place.line, said) if said is not place.line else (said,)
    return Need("python.renamed", FindingKind.RENAME_PYTHON_PACKAGE, (name, known), lines, why, replaces=name)


def _tensorflow_gpu(place: Place, _: Project) -> Verdict:
    """The same for `tensorflow-gpu` since 2.12."""
    why = "tensorflow-gpu has been withdrawn; tensorflow itself serves graphics cards"
    kind = FindingKind.RENAME_PYTHON_PACKAGE
    return Need(
        "python.renamed",
        kind,
        ("tensorflow-gpu", "tensorflow"),
        (place.line,),
        why,
        replaces="tensorflow-gpu",
    )


def _built(place: Place) -> tuple[str, LogLine]:
    """The distribution that is being built at this place, by the nearest line that names it."""
    here = [place.line, *place.after(60)]
    for line in [*here, *reversed(place.before(_LOOK_BACK))]:
        found = _BUILDING.search(line.plain)
        name = next((value for value in found.groups() if value), "") if found else ""
        if name:
            return name, line
    for line in reversed(place.before(_LOOK_BACK)):
        collecting = _COLLECTING.match(line.plain)
        if collecting:
            return re.split(r"[\[<>=!~]", collecting["what"])[0], line
    return "", place.line


def _collected(name: str, place: Place) -> Requirement | None:
    for line in reversed(place.before(_LOOK_BACK)):
        found = _COLLECTING.match(line.plain)
        if found and canonical(re.split(r"[\[<>=!~]", found["what"])[0]) == canonical(name):
            try:
                return Requirement(found["what"])
            except InvalidRequirement:
                return None
    return None


def _fetched(name: str, place: Place) -> str:
    pattern = re.compile(_FETCHED.format(name=re.escape(name).replace(r"\-", "[-_.]")), re.IGNORECASE)
    found = (pattern.search(line.plain) for line in reversed(place.before(_LOOK_BACK)))
    return next((match[1] for match in found if match), "")


def _exact(requirement: Requirement) -> bool:
    return any(clause.operator in ("==", "===") for clause in requirement.specifier)


def _handler(entry: dict[str, str]) -> Handler:
    if entry["rule"] == "old_setup":
        return _setuptools(entry["below"], entry["what"])
    if entry["rule"] == "needs_python":
        return _needs_python(re.compile(entry["pattern"]))
    if entry["rule"] == "distutils_in_build":
        return _distutils_in_build
    if entry["rule"] == "too_old_for_python":
        return _too_old_for_python(entry["since"], entry["what"])
    return {
        "cython3": _cython_sources,
        "sklearn": _sklearn,
        "renamed": _renamed,
        "tensorflow_gpu": _tensorflow_gpu,
    }[entry["rule"]]


@cache
def _rules() -> tuple[tuple[re.Pattern[str], Handler], ...]:
    entries = data_file("python_builds.json")["messages"]
    return tuple((re.compile(entry["pattern"]), _handler(entry)) for entry in entries)
