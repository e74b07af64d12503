"""Which package holds a file, on which release, under which manager's name; and the other tables."""

import json
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from activities.diagnosis.python import system as python_system
from activities.diagnosis.system import renames
from activities.diagnosis.system.files import (
    Holds,
    debian_package,
    debian_releases,
    equivalent,
    in_debian,
    known_elsewhere,
    package_of,
)

DATA = files("activities.diagnosis.data")
MOST_BYTES = 6_300_000
"""Of the index: it travels with every checkout and every image of ours."""


def table(name: str) -> dict[str, Any]:
    """A table as it lies in the package."""
    loaded: dict[str, Any] = json.loads(DATA.joinpath(name).read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize(
    ("holds", "key", "release", "package"),
    [
        (Holds.COMMAND, "curl", "", "curl"),
        (Holds.COMMAND, "ping", "trixie", "iputils-ping"),
        (Holds.COMMAND, "pg_config", "", "libpq-dev"),
        (Holds.COMMAND, "nc", "", "netcat-openbsd"),
        (Holds.SONAME, "libGL.so.1", "", "libgl1"),
        (Holds.SONAME, "libglib-2.0.so.0", "bookworm", "libglib2.0-0"),
        (Holds.SONAME, "libglib-2.0.so.0", "trixie", "libglib2.0-0t64"),
        (Holds.SONAME, "libglib-2.0.so.0", "noble", "libglib2.0-0t64"),
        (Holds.SONAME, "libssl.so.1.1", "bullseye", "libssl1.1"),
        (Holds.SONAME, "libssl.so.1.1", "bookworm", None),
        (Holds.LINK, "pq", "", "libpq-dev"),
        (Holds.LINK, "boost_system", "", "libboost-system-dev"),
        (Holds.PKG_CONFIG, "libudev", "", "libudev-dev"),
        (Holds.CMAKE, "OpenCV", "", "libopencv-dev"),
        (Holds.HEADER, "ffi.h", "", "libffi-dev"),
        (Holds.HEADER, "libxml/xmlversion.h", "", "libxml2-dev"),
        (Holds.HEADER, "X11/Xlib.h", "", "libx11-dev"),
        (Holds.HEADER, "nobody/has/this.h", "", None),
        (Holds.HEADER, "config.h", "", None),
        (Holds.TYPELIB, "Gtk-3.0", "", "gir1.2-gtk-3.0"),
        (Holds.COMMAND, "jest", "", None),
    ],
)
def test_debian_answers_by_release(holds: Holds, key: str, release: str, package: str | None) -> None:
    """The 64-bit time names, versions that are gone, and files that nobody has."""
    assert debian_package(holds, key, release) == package


@pytest.mark.parametrize(
    ("holds", "key", "manager", "packages"),
    [
        (Holds.HEADER, "openssl/ssl.h", "apk", ("openssl-dev",)),
        (Holds.HEADER, "openssl/ssl.h", "yum", ("openssl-devel",)),
        (Holds.HEADER, "mysql.h", "apk", ("mariadb-dev",)),
        (Holds.SONAME, "libstdc++.so.6", "apk", ("libstdc++",)),
        (Holds.COMMAND, "ps", "yum", ("procps-ng",)),
        (Holds.COMMAND, "gcc", "apk", ("gcc", "musl-dev")),
        (Holds.COMMAND, "nobody-has-this", "apk", ()),
        (Holds.COMMAND, "curl", "pacman", ()),
    ],
)
def test_other_managers_answer_through_debians_name(
    holds: Holds, key: str, manager: str, packages: tuple[str, ...]
) -> None:
    """Alpine's own table first; what has no row is not guessed."""
    assert package_of(holds, key, manager) == packages


def test_releases_of_a_package_are_known() -> None:
    """What moved away is told from what never was."""
    assert debian_releases("libssl1.1") == ("bullseye",)
    assert debian_releases("no-such-package") == ()
    assert in_debian("curl", "trixie")
    assert in_debian("curl", "a release we do not know")


def test_the_index_says_where_it_comes_from_and_is_small() -> None:
    """Provenance lies inside the file; its size is bounded."""
    path = Path(str(DATA.joinpath("debian_files.sqlite")))
    with sqlite3.connect(path) as database:
        about = dict(database.execute("SELECT name, value FROM about").fetchall())
    assert set(about) == {"source", "releases", "made_by", "made_on", "choice"}
    assert path.stat().st_size < MOST_BYTES


VIRTUAL = {"libmysqlclient-dev", "libc-client-dev", "libta-lib-dev", "golang-go"}
"""Names that other packages provide, or that only Ubuntu has."""


def test_every_preferred_package_is_debians() -> None:
    """A table written by hand names nothing that the index does not have."""
    entries = table("debian_preferred.json")
    named = {name for key, rows in entries.items() if key != "about" for name in rows.values() if name}
    assert {name for name in named if not in_debian(name)} <= VIRTUAL


def test_every_row_of_the_table_of_names_is_debians() -> None:
    """Its left side are packages of Debian, its right side are never empty names."""
    rows = table("system_names.json")["names"]
    assert {name for name in rows if not in_debian(name)} <= VIRTUAL
    assert all(package.strip() for others in rows.values() for names in others.values() for package in names)
    assert equivalent("libpq-dev", "apk") == ("libpq-dev",)
    assert known_elsewhere("musl-dev")
    assert not known_elsewhere("left-pad")


def test_every_successor_is_debians_and_another_name() -> None:
    """No rename leads to a package that does not exist, or to itself."""
    rows = table("system_renames.json")
    assert {v for names in rows["apt"].values() for v in names if not in_debian(v)} <= VIRTUAL
    assert not [old for old, names in rows["apt"].items() if old in names]
    assert not [old for old, name in rows["apk"].items() if old == name]


@pytest.mark.parametrize(
    ("package", "manager", "release", "new"),
    [
        ("libgl1-mesa-glx", "apt", "trixie", "libgl1"),
        ("netcat", "apt", "bookworm", "netcat-openbsd"),
        ("libicu63", "apt", "bookworm", "libicu72"),
        ("libicu63", "apt", "", None),
        ("python-pip", "apt", "jammy", "python3-pip"),
        ("build-base", "apt", "", "build-essential"),
        ("postgresql-dev", "apt", "", None),
        ("our-own-tool", "apt", "", None),
        ("curl", "apt", "", None),
        ("nodejs-npm", "apk", "", "npm"),
        ("build-essential", "apk", "", "build-base"),
        ("terraform", "apk", "", None),
        ("our-own-tool", "apk", "", None),
        ("libssl-dev", "yum", "", "openssl-devel"),
    ],
)
def test_successors(package: str, manager: str, release: str, new: str | None) -> None:
    """Renamed, foreign, or not certain."""
    assert renames.successor(package, manager, release) == new


def test_what_python_distributions_are_built_from_is_debians() -> None:
    """Every package of the table exists; Alpine's names are found through it."""
    rows = table("python_system.json")["distributions"].values()
    named = {name for row in rows for names in row.values() for name in names}
    assert {name for name in named if not in_debian(name)} <= VIRTUAL
    assert python_system.build_packages("M2Crypto", "apt") == ("libssl-dev", "swig")
    assert python_system.build_packages("lxml", "apk") == ("libxml2-dev", "libxslt-dev")
    assert python_system.run_packages("opencv_python", "apt") == ("libgl1", "libglib2.0-0")
    assert python_system.build_packages("flask", "apt") == ()


def test_known_system_packages_are_those_of_any_distribution() -> None:
    """The risk of an unknown package is asked here."""
    assert renames.knows_system_package("libpq-dev")
    assert renames.knows_system_package("musl-dev")
    assert not renames.knows_system_package("definitely-not-a-package")
