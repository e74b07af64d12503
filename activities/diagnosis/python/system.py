"""What system packages a Python distribution is built from and runs on."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from activities.diagnosis.data_files import data_file
from activities.diagnosis.reading import Place
from activities.diagnosis.system.files import equivalent

_BEING_BUILT = re.compile(
    r"(?:Failed building wheel for|Building wheels? for(?: collected packages:)?|Failed to build"
    r"|Running setup\.py (?:install|bdist_wheel|clean) for) (?P<a>[A-Za-z][\w.-]*)"
    r"|/pip-(?:install|wheel|req-build)-\w+/(?P<b>[A-Za-z][\w.-]*?)(?:_[0-9a-f]{32})?/"
    r"|^ *Collecting (?P<c>[A-Za-z][\w.-]*)"
)
_NEAR = 400


def build_packages(distribution: str, manager: str) -> tuple[str, ...]:
    """Packages that building `distribution` needs beside a compiler, by the manager's own names."""
    return _named(distribution, "build", manager)


def run_packages(distribution: str, manager: str) -> tuple[str, ...]:
    """Packages that `distribution` loads or calls when it runs, by the manager's own names."""
    return _named(distribution, "run", manager)


def being_built(place: Place) -> str:
    """The distribution whose build printed this line, '' where the log does not name one on record."""
    for line in [place.line, *reversed(place.before(_NEAR))]:
        found = _BEING_BUILT.search(line.plain)
        if found:
            return canonicalize_name(next(value for value in found.groups() if value))
    return ""


def _named(distribution: str, when: str, manager: str) -> tuple[str, ...]:
    debian = (
        data_file("python_system.json")["distributions"]
        .get(canonicalize_name(distribution), {})
        .get(when, ())
    )
    if manager == "apt":
        return tuple(debian)
    return tuple(name for package in debian for name in equivalent(package, manager))
