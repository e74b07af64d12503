"""Which releases of a distribution suit which Python: by hand, from release notes and published files."""

from __future__ import annotations

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from activities.diagnosis.data_files import data_file
from activities.diagnosis.versions import number

PYTHONS = ("2.7", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
"""Every Python that a base image may have, oldest first."""
_CALENDAR = 2000
"""A first number above this is a year, and the release of a new year is no new major one."""


def short(python: str) -> str:
    """`3.10.4` as `3.10`; '' stays ''."""
    return ".".join(python.split(".")[:2])


def version_of(text: str) -> Version | None:
    """The release that `text` spells, None where it spells none."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


def specifier_of(text: str) -> SpecifierSet | None:
    """The specifier in any of the spellings that tools print, None where it is none."""
    plain = text.replace(" and ", ",").replace("'", "").replace('"', "").strip().strip("()")
    plain = plain.replace(".*,", ",") if plain.startswith((">=", ">")) and ".*," in plain else plain
    try:
        return SpecifierSet(plain)
    except InvalidSpecifier:
        return None


def oldest_python(requires: str) -> str:
    """The oldest Python that a Requires-Python admits, '' where it admits none or cannot be read."""
    wanted = specifier_of(requires)
    return next((p for p in PYTHONS if wanted is not None and wanted.contains(f"{p}.99")), "")


def newest_python(requires: str) -> str:
    """The newest Python that a Requires-Python admits, '' where it admits none or cannot be read."""
    wanted = specifier_of(requires)
    fitting = (p for p in reversed(PYTHONS) if wanted is not None and wanted.contains(f"{p}.0"))
    return next(fitting, "")


def last_for(distribution: str, python: str) -> str:
    """`<5`: the releases of `distribution` that still run on `python`; '' where that is not on record."""
    steps: dict[str, str] = data_file("python_requires.json")["requires"].get(
        canonicalize_name(distribution), {}
    )
    for release, needs in steps.items():
        if number(needs) > number(short(python)):
            return f"<{release.removesuffix('.0')}"
    return ""


def python_for(distribution: str, release: str) -> str:
    """The oldest Python that this release runs on, '' where that is not on record."""
    steps: dict[str, str] = data_file("python_requires.json")["requires"].get(
        canonicalize_name(distribution), {}
    )
    version = version_of(release)
    needs = [need for first, need in steps.items() if version is not None and version >= Version(first)]
    return needs[-1] if needs else ""


def newest_python_with_wheels(distribution: str, release: str) -> str:
    """Of a distribution without sources: the newest Python that `release` was built for; '' where unknown."""
    ranges: list[list[str]] = data_file("python_wheels.json")["newest_python"].get(
        canonicalize_name(distribution), []
    )
    version = version_of(release)
    if version is None:
        return ""
    found = (row[2] for row in ranges if Version(row[0]) <= version <= Version(row[1]))
    return next(found, "")


def newest_python_of_all(distribution: str) -> str:
    """Of a distribution without sources: the newest Python of any release; '' where unknown."""
    ranges = data_file("python_wheels.json")["newest_python"].get(canonicalize_name(distribution), [])
    return max((str(row[2]) for row in ranges), key=number, default="")


def wheels_only(distribution: str) -> bool:
    """Whether it is on record as a distribution that has no sources and no build for Alpine."""
    return canonicalize_name(distribution) in data_file("python_wheels.json")["newest_python"]


def first_with_wheels(distribution: str, python: str) -> str:
    """The first release with built wheels for `python`, '' where that is not on record."""
    table = data_file("python_wheels_first.json")["first"].get(canonicalize_name(distribution), {})
    return str(table.get(short(python), ""))


def before_this_series(release: str) -> str:
    """`<5` for 5.1.0: the series before the one that this release belongs to; '' for a first series.

    A package drops a Python with a new series, so this is where the last fitting release stands; where it
    does not, the next round sees the next one.
    """
    version = version_of(release)
    if version is None or version.major >= _CALENDAR:
        return ""
    if version.major == 0:
        return f"<0.{version.minor}" if version.minor else ""
    return (
        f"<{version.major}"
        if version.major > 1 or version.minor == 0
        else f"<{version.major}.{version.minor}"
    )


def nearest(wanted: str, listed: list[str]) -> str:
    """The existing release to take for one that does not exist: same series first, then the newest below."""
    target = version_of(wanted)
    versions = sorted(v for text in listed if (v := version_of(text)) and not v.is_prerelease)
    if target is None or not versions:
        return ""
    public = [v for v in versions if v.public == target.public]
    series = [v for v in versions if v.release[:2] == target.release[:2]]
    above = [v for v in series if v > target]
    below = [v for v in versions if v < target]
    if public:
        return str(public[0].public)
    return str((above[:1] or series[-1:] or below[-1:] or versions[:1])[0])
