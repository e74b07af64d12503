"""What a system package is called now: gone, renamed, or named as on another distribution."""

from __future__ import annotations

import re
from functools import cache

from activities.diagnosis.data_files import data_file
from activities.diagnosis.system.files import (
    debian_name,
    equivalent,
    in_debian,
    known_elsewhere,
    numbered,
)

_LIBRARY_OF_A_RELEASE = re.compile(r"^libicu\d+$")
"""Every release has this library under another number."""


def successor(package: str, manager: str, release: str = "") -> str | None:
    """The package to install instead of one that `apt` or `apk` does not know; None where not certain."""
    if manager == "apt":
        return _in_debian(package, release)
    named = data_file("system_renames.json")["apk"].get(package) if manager == "apk" else None
    if named is not None:
        return named or None
    found = equivalent(package, manager)
    return found[0] if found and (manager == "apk" or len(found) == 1) and found[0] != package else None


def _in_debian(package: str, release: str) -> str | None:
    for name in data_file("system_renames.json")["apt"].get(package, ()):
        if name != package and in_debian(name, release):
            return str(name)
    if _LIBRARY_OF_A_RELEASE.match(package):
        return numbered(package.rstrip("0123456789"), release)
    if package in data_file("system_renames.json")["apt"] or in_debian(package, release):
        return None
    return _foreign(package, release)


def is_python2(package: str) -> bool:
    """Whether the package went away with Python 2."""
    return package in data_file("system_renames.json")["python2"]


def knows_system_package(name: str) -> bool:
    """Whether any distribution on record has a package of this name."""
    return in_debian(name) or known_elsewhere(name) or name in _replacements()


def _foreign(package: str, release: str) -> str | None:
    """Debian's name of a package named as on Alpine or Red Hat."""
    for manager in ("apk", "yum"):
        debian = debian_name(package, manager)
        if debian and in_debian(debian, release):
            return debian
    return None


@cache
def _replacements() -> frozenset[str]:
    table = data_file("system_renames.json")
    old = (name for names in table["apt"].values() for name in names)
    return frozenset([*old, *(name for name in table["apk"].values() if name)])
