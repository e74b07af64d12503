"""What published tables say of the Python package index: generated data, see ``deploy/knowledge``.

The hand-written table in ``knowledge`` is asked first; this one holds the long tail. Offline always: the
diagnosis never needs an index to answer, and a name that is in neither table is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from packaging.utils import canonicalize_name

from activities.diagnosis.data_files import data_file

_NAMESPACES = frozenset(
    [
        "airflow",
        "azure",
        "backports",
        "collective",
        "flufl",
        "google",
        "jaraco",
        "logilab",
        "opentelemetry",
        "plone",
        "repoze",
        "ruamel",
        "sphinxcontrib",
        "zc",
        "zope",
    ]
)
"""Top-level names that many distributions share and that speak in their distributions' names."""
_UMBRELLAS = frozenset(
    [
        "google-cloud",
        "google-ads",
        "azure-storage",
        "azure-mgmt",
        "azure-ai",
        "azure-communication",
        "azure-keyvault",
        "opentelemetry-instrumentation",
        "opentelemetry-exporter",
    ]
)
"""Distributions that are called like a shared namespace but do not hold what lives in it."""
_SPOKEN = {"airflow": "apache-airflow"}
_FAMOUS = 3_000
"""Up to this place in the download ranking a name is taken to be what everybody means by it."""
_SHORT = 5
_LONG = 9
"""Names shorter than `_SHORT` have no near names; from `_LONG` letters on two may be wrong."""


def indexed_import(module: str) -> str:
    """The distribution that a top-level name or a name in a shared namespace means; '' where not known."""
    parts = module.split(".")
    if parts[0] in _NAMESPACES:
        return _in_namespace(parts)
    found: dict[str, str] = data_file("python_index.json")["imports"]
    return found.get(parts[0], "")


def popular_distributions() -> tuple[str, ...]:
    """Canonical names of the most downloaded distributions, most first."""
    return tuple(_ranks())


def is_popular(name: str) -> bool:
    """Whether a distribution of exactly this name is among the most downloaded."""
    return canonicalize_name(name) in _ranks()


def is_famous(name: str) -> bool:
    """Whether it stands so high that no other thing of the same name is meant."""
    return _ranks().get(canonicalize_name(name), _FAMOUS) < _FAMOUS


def meant_by(name: str) -> str:
    """The one well-known distribution that a misspelt `name` means; '' where none or several are near.

    Near: one slip of the pen (a letter wrong, missing, too many, or two exchanged), or two in a long name.
    """
    wanted = canonicalize_name(name)
    if len(wanted) < _SHORT or wanted in _ranks():
        return ""
    for slips in (1, 2) if len(wanted) >= _LONG else (1,):
        near = {one for one in _candidates(wanted, slips) if _distance(wanted, one, slips) <= slips}
        if len(near) == 1:
            return near.pop()
        if near:
            return _far_ahead(near)
    return ""


def debian_package(distribution: str) -> str:
    """`python3-...` as Debian calls it, '' where Debian has none on record."""
    table: dict[str, str] = data_file("python_debian.json")["apt"]
    return table.get(canonicalize_name(distribution), "")


def _in_namespace(parts: list[str]) -> str:
    """`azure.storage.blob` is azure-storage-blob: the longest spelling that is a popular distribution."""
    first = _SPOKEN.get(parts[0], parts[0])
    words = [first, *(re.sub(r"_v\d\w*$", "", part) for part in parts[1:])]
    for size in range(len(words), 1, -1):
        name = canonicalize_name("-".join(words[:size]))
        if name in _ranks() and name not in _UMBRELLAS:
            return name
    return ""


def _far_ahead(near: set[str]) -> str:
    """Of several near names the one that is meant by far most often, if there is such a one."""
    ranks = _ranks()
    first, second = sorted(near, key=lambda name: ranks.get(name, len(ranks)))[:2]
    ahead = ranks.get(second, len(ranks)) >= 10 * (ranks.get(first, len(ranks)) + 1)
    return first if ahead else ""


def _candidates(wanted: str, slips: int) -> Iterator[str]:
    sizes = range(len(wanted) - slips, len(wanted) + slips + 1)
    for size in sizes:
        yield from (name for name in _by_size().get(size, ()) if name[0] == wanted[0])


def _distance(left: str, right: str, limit: int) -> int:
    """Optimal string alignment distance; anything above `limit` comes back as more than `limit`."""
    before, last = list[int](), list(range(len(right) + 1))
    for row, char in enumerate(left, 1):
        now = [row]
        for column, other in enumerate(right, 1):
            cost = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (char != other))
            swapped = row > 1 and column > 1 and char == right[column - 2] and left[row - 2] == other
            now.append(min(cost, before[column - 2] + 1) if swapped else cost)
        if min(now) > limit:
            return limit + 1
        before, last = last, now
    return last[-1]


@cache
def _by_size() -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = {}
    for name in (*_ranks(), *_further()):
        found.setdefault(len(name), []).append(name)
    return {size: tuple(names) for size, names in found.items()}


@cache
def _ranks() -> dict[str, int]:
    names: list[str] = data_file("python_popular.json")["distributions"]
    return {name: place for place, name in enumerate(names)}


@cache
def _further() -> frozenset[str]:
    """Well-known ones of the long tail, by hand: old or scientific, hence seldom downloaded by machines."""
    names: list[str] = data_file("python_renames.json")["also_known"]
    return frozenset(canonicalize_name(name) for name in names) - frozenset(_ranks())
