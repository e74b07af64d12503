"""Which system package holds a command, library, header or .pc file; and what it is called elsewhere.

Debian's answers are exact: they come out of its own Contents index (`deploy/knowledge/debian_contents.py`).
Alpine's and Red Hat's are Debian's answer put through a table of equivalents, where it has a row. Needs no
network.
"""

from __future__ import annotations

import re
import sqlite3
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import as_file, files

from activities.diagnosis.data_files import data_file

_DATA = "activities.diagnosis.data"
_BITS = {"bullseye": 1, "bookworm": 2, "trixie": 4}
_LIKE = {
    "focal": "bullseye",
    "jammy": "bookworm",
    "noble": "trixie",
    "oracular": "trixie",
    "plucky": "trixie",
    "questing": "trixie",
    "forky": "trixie",
    "sid": "trixie",
}
"""An Ubuntu release and the Debian release whose package names it comes closest to."""
_BOOST = re.compile(r"^libboost(-[a-z-]+)?1\.\d+-dev$")
_UNKNOWN_RELEASE = ("bookworm", "bullseye", "trixie")
"""Without a release: the older name first, since newer releases go on answering to it (`Provides`)."""


class Holds(StrEnum):
    """What a file is to whoever lacks it."""

    COMMAND = "command"
    SONAME = "soname"
    LINK = "link"
    """The `foo` of `-lfoo`."""
    PKG_CONFIG = "pc"
    CMAKE = "cmake"
    TYPELIB = "typelib"
    HEADER = "header"


def package_of(holds: Holds, key: str, manager: str, release: str = "") -> tuple[str, ...]:
    """The packages of `apt`, `apk` or `yum` that bring the file; empty where that is not certain."""
    own = data_file("alpine_files.json").get(holds, {}).get(key) if manager == "apk" else None
    if own:
        return tuple(own)
    debian = debian_package(holds, key, release if manager == "apt" else "")
    if debian is None:
        return ()
    return (debian,) if manager == "apt" else equivalent(debian, manager)


def debian_package(holds: Holds, key: str, release: str = "") -> str | None:
    """The Debian package that holds the file in `release` (a code name, '' for not known)."""
    wanted = key.lower() if holds is Holds.CMAKE else key
    for name in _spellings(holds, wanted):
        preferred = data_file("debian_preferred.json").get(holds, {}).get(name)
        if preferred == "":
            return None
        if preferred is not None and in_debian(str(preferred), release):
            return str(preferred)
        found = _indexed(holds, name, release)
        if found:
            return found
    return None


def is_preferred(holds: Holds, key: str) -> bool:
    """Whether a person has put on record which Debian package the file is to come from."""
    return bool(data_file("debian_preferred.json").get(holds, {}).get(key))


def _spellings(holds: Holds, key: str) -> tuple[str, ...]:
    """A header is on record in full, or by the directory that one package has to itself."""
    folder, slash, _ = key.partition("/")
    return (key, f"{folder}/") if holds is Holds.HEADER and slash else (key,)


def _indexed(holds: Holds, key: str, release: str) -> str | None:
    rows = (
        _database()
        .execute(
            "SELECT package.name, file.releases FROM file JOIN package ON package.id = file.package"
            " JOIN kind ON kind.id = file.kind WHERE kind.name = ? AND key = ?",
            (holds.value, key),
        )
        .fetchall()
    )
    for name in _order(release):
        found = [str(package) for package, releases in rows if releases & _BITS[name]]
        if found:
            return _unversioned(found[0])
    return None


def _unversioned(package: str) -> str:
    """The package to name instead of one whose name carries a release (`libboost1.83-dev`)."""
    renamed = data_file("debian_preferred.json")["renamed"].get(package)
    plain = _BOOST.sub(r"libboost\1-dev", package)
    return str(renamed) if renamed else plain


@lru_cache(maxsize=4096)
def in_debian(package: str, release: str = "") -> bool:
    """Whether Debian's `main` has the package: in that release, or in any that is on record for ''."""
    row = _database().execute("SELECT releases FROM package WHERE name = ?", (package,)).fetchone()
    if row is None:
        return False
    code = _LIKE.get(release, release)
    return bool(row[0] & _BITS[code]) if code in _BITS else True


def numbered(stem: str, release: str) -> str | None:
    """The one package of a release whose name is `stem` and a number (`libicu` -> `libicu72`)."""
    code = _LIKE.get(release, release)
    if code not in _BITS:
        return None
    pattern = f"{stem}[0-9]*"
    rows = _database().execute("SELECT name, releases FROM package WHERE name GLOB ?", (pattern,)).fetchall()
    found = [str(name) for name, mask in rows if mask & _BITS[code] and str(name)[len(stem) :].isdigit()]
    return found[0] if len(found) == 1 else None


def debian_releases(package: str) -> tuple[str, ...]:
    """Code names of the releases on record that have the package, oldest first."""
    return tuple(name for name in _BITS if in_debian(package, name))


def equivalent(debian: str, manager: str) -> tuple[str, ...]:
    """What `apk` or `yum` call a Debian package; empty where the table has no row."""
    found = data_file("system_names.json")["names"].get(debian, {}).get(manager, ())
    return tuple(found)


def debian_name(package: str, manager: str) -> str | None:
    """The Debian package that does the job of one named as on `apk` or `yum`; None where it is not clear."""
    rows = data_file("system_names.json")["names"]
    found = [debian for debian, others in rows.items() if list(others.get(manager, ())) == [package]]
    return found[0] if found else None


def known_elsewhere(package: str) -> bool:
    """Whether any table row names the package for Alpine or Red Hat."""
    return package in _other_names()


@cache
def _other_names() -> frozenset[str]:
    rows = data_file("system_names.json")["names"].values()
    alpine = data_file("alpine_files.json")
    own = (p for holds in Holds for packages in alpine.get(holds.value, {}).values() for p in packages)
    return frozenset([*(p for row in rows for packages in row.values() for p in packages), *own])


def _order(release: str) -> tuple[str, ...]:
    """Where to look; in a release that is on record only there."""
    code = _LIKE.get(release, release)
    return (code,) if code in _BITS else _UNKNOWN_RELEASE


@cache
def _database() -> sqlite3.Connection:
    """The index, read-only; threads may share it because nothing ever writes."""
    with as_file(files(_DATA).joinpath("debian_files.sqlite")) as path:
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(address, uri=True, check_same_thread=False)
