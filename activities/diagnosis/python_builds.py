"""Distributions that have to be compiled or built, and fail because their release is too old for the tools."""

from __future__ import annotations

import re
from collections.abc import Callable

from packaging.requirements import InvalidRequirement, Requirement

from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python_base import other_python
from activities.diagnosis.python_releases import first_with_wheels, number, version_of
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Verdict
from activities.manifests.names import canonical
from workflows.models.finding import FindingKind

_LOOK_BACK = 400
_COLLECTING = re.compile(r"^\s*Collecting (?P<what>[\w.-]+(?:\[[\w,.-]+\])?[^\s;(]*)")
_BUILDING = re.compile(
    r"Failed building wheel for (?P<failed>[\w.-]+)|Could not build wheels for (?P<could>[\w.-]+)"
    r"|Building wheel for (?P<building>[\w.-]+) \([^)]*\): finished with status 'error'"
    r"|/pip-(?:install|build|req-build)-[\w-]+/(?P<folder>[A-Za-z][\w.-]*?)(?:_[0-9a-f]{32})?/"
    r"|error in (?P<command>[\w.-]+) setup command|ERROR: Failed to build '(?P<quoted>[\w.-]+)'"
)
_FETCHED = r"(?:Downloading|Using cached) \S*?{name}-(\d[\w.!+]*?)(?:\.tar|\.zip|-(?:py|cp))"

Handler = Callable[[Place, Project], Verdict | None]


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line of a failed build of a distribution, None where it says nothing on record."""
    if place.phase is not Phase.BUILD:
        return None
    for pattern, handler in _RULES:
        if pattern.search(place.line.plain):
            return handler(place, project)
    return None


def of_text(text: str, place: Place, project: Project) -> Verdict | None:
    """The same for the text of a traceback that ends at `place`."""
    if place.phase is not Phase.BUILD:
        return None
    for pattern, handler in _RULES:
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
    why = f"PyYAML {_fetched('pyyaml', place) or 'before 6.0.1'} cannot be built with Cython 3; {pin} can be installed"
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
            why = f"{name} {release or 'as pinned'} is older than Python {running or since} ({what}); {first} is the first release built for it"
            kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
            return Need("python.too_old_for_python", kind, (name,), lines, why, pin)
        before = f"3.{number(since)[1] - 1}"
        why = f"{name or 'a package'} is older than Python {since}, which {what}"
        return other_python("too_old_for_python", before, why, lines, project)

    return handler


def _sklearn(place: Place, _: Project) -> Verdict:
    """The index's `sklearn` refuses to be installed and says so itself."""
    why = "the distribution 'sklearn' is an empty shell that refuses to be installed; scikit-learn is meant"
    kind = FindingKind.RENAME_PYTHON_PACKAGE
    return Need("python.renamed", kind, ("sklearn", "scikit-learn"), (place.line,), why, replaces="sklearn")


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


_RULES: tuple[tuple[re.Pattern[str], Handler], ...] = (
    (re.compile(r"use_2to3 is invalid"), _setuptools("58", "use_2to3")),
    (
        re.compile(r"AttributeError: (?:'build_ext' object has no attribute '|)cython_sources"),
        _cython_sources,
    ),
    (
        re.compile(
            r"cannot import name '?Feature'? from '?setuptools|module '?setuptools'? has no attribute '?Feature"
        ),
        _setuptools("46", "setuptools.Feature"),
    ),
    (re.compile(r"AttributeError: install_layout(?:\.|$)"), _setuptools("66", "install_layout")),
    (
        re.compile(r"No module named 'setuptools\.command\.test'|cannot import name 'test' from 'setuptools"),
        _setuptools("72", "setuptools.command.test"),
    ),
    (
        re.compile(r"module 'pkgutil' has no attribute 'ImpImporter'"),
        _too_old_for_python("3.12", "has no pkgutil.ImpImporter"),
    ),
    (re.compile(r"longintrepr\.h: No such file"), _too_old_for_python("3.11", "has no longintrepr.h")),
    (
        re.compile(
            r"'(?:struct _frame|PyFrameObject)[^']*' has no member named|PyThreadState.*has no member named '(?:use_tracing|frame|exc_type|recursion_depth)'"
        ),
        _too_old_for_python("3.11", "hides its frames"),
    ),
    (
        re.compile(
            r"has no member named 'ob_digit'|'PyUnicode_(?:READY|AS_UNICODE|GET_SIZE|AsUnicode)' (?:undeclared|was not declared)|implicit declaration of function '?_?PyUnicode_(?:get_wstr_length|AS_UNICODE)|incomplete type .*PyFrameObject"
        ),
        _too_old_for_python("3.12", "has another inner form of numbers and texts"),
    ),
    (
        re.compile(
            r"too few arguments to function '?_?PyLong_AsByteArray|ForwardRef\._evaluate\(\) missing 1 required keyword-only argument: 'recursive_guard'|the configured Python interpreter version \(3\.13\) is newer than PyO3's maximum"
        ),
        _too_old_for_python("3.13", "has another inner interface"),
    ),
    (
        re.compile(r"the configured Python interpreter version \(3\.14\) is newer than PyO3's maximum"),
        _too_old_for_python("3.14", "has another inner interface"),
    ),
    (
        re.compile(r"the configured Python interpreter version \(3\.12\) is newer than PyO3's maximum"),
        _too_old_for_python("3.12", "has another inner interface"),
    ),
    (
        re.compile(
            r"'PyTypeObject' \{aka 'struct _typeobject'\} has no member named 'tp_print'|has no member named 'tp_print'"
        ),
        _too_old_for_python("3.9", "has no tp_print"),
    ),
    (re.compile(r"The 'sklearn' PyPI package is deprecated, use 'scikit-learn'"), _sklearn),
    (re.compile(r"The \"tensorflow-gpu\" package has been removed"), _tensorflow_gpu),
)
