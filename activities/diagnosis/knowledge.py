"""Hand-written facts about packages, kept as data files beside this package."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from stdlib_list import long_versions, short_versions, stdlib_list

from activities.diagnosis.data_files import data_file
from activities.diagnosis.python.package_index import indexed_import, is_famous, is_popular
from activities.diagnosis.system import renames

_T64_RELEASES = frozenset({"trixie", "forky", "sid", "noble", "oracular", "plucky", "questing"})
_RELEASES = (
    ("trixie", ("trixie", "debian:13")),
    ("bookworm", ("bookworm", "debian:12")),
    ("bullseye", ("bullseye", "debian:11")),
    ("noble", ("noble", "ubuntu:24.04")),
    ("jammy", ("jammy", "ubuntu:22.04")),
    ("focal", ("focal", "ubuntu:20.04")),
)


@dataclass(frozen=True)
class Distribution:
    """A distribution that provides an import; `specifier` where only some releases do."""

    name: str
    specifier: str = ""


@dataclass(frozen=True)
class Message:
    """A line some tool prints when something is missing, and the packages that cure it."""

    id: str
    pattern: str
    kind: str
    names: tuple[str, ...] = ()
    apt: tuple[str, ...] = ()
    apk: tuple[str, ...] = ()
    phase: str = ""
    """`build`, `run`, or '' for both."""
    python_headers: bool = False
    """python3-dev is needed as well where Python comes from the distribution."""


def distribution_of(module: str) -> Distribution | None:
    """The distribution that provides `module`; the longest dotted prefix that is known decides."""
    parts = module.split(".")
    for size in range(len(parts), 0, -1):
        entry = _table("python_imports.json", "imports").get(".".join(parts[:size]))
        if entry:
            requirement = Requirement(entry)
            return Distribution(requirement.name, str(requirement.specifier))
    indexed = indexed_import(module)
    return Distribution(indexed) if indexed else None


def knows_exactly(module: str) -> bool:
    """Whether the dotted name itself is on record (a namespace package such as `google.protobuf`)."""
    if module in _table("python_imports.json", "imports"):
        return True
    parent = module.rpartition(".")[0]
    return indexed_import(module) not in ("", indexed_import(parent) if parent else "")


def known_distribution(name: str) -> Distribution | None:
    """The distribution called `name`, or providing an import of that name; None where not on record."""
    written = _distributions().get(canonicalize_name(name))
    return written or (Distribution(name) if is_popular(name) else distribution_of(name))


def is_trusted(distribution: Distribution) -> bool:
    """Whether an import alone, without an error that proves the need, is reason enough to install it.

    So for what is on record by hand and for what nobody could mean anything else by; the long tail of the
    index is too full of names that are also somebody's own modules.
    """
    return canonicalize_name(distribution.name) in _distributions() or is_famous(distribution.name)


def brought_along_by(distributions: set[str]) -> set[str]:
    """Canonical names that installing `distributions` (canonical names) installs without being asked."""
    implied = _table("implied.json", "implied")
    found: set[str] = set()
    todo = list(distributions)
    while todo:
        for name in implied.get(todo.pop(), ()):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


def command_provider(command: str) -> Distribution | None:
    """The distribution that installs the console script `command`."""
    entry = _table("commands.json", "commands").get(command)
    return Distribution(entry) if entry else None


@dataclass(frozen=True)
class RemovedModule:
    """A module that left the standard library."""

    release: str
    replacement: Distribution | None


def removed_module(module: str) -> RemovedModule | None:
    """What is known of a module that newer Pythons dropped."""
    entry = _table("python_removed.json", "removed").get(module.split(".", 1)[0])
    if entry is None:
        return None
    return RemovedModule(entry[0], Distribution(entry[1]) if entry[1] else None)


def is_standard(module: str, version: str) -> bool:
    """Whether `module` belongs to the standard library of Python `version` (`3.13`; '' means the newest)."""
    return module.split(".", 1)[0] in _standard(version)


def library_package(soname: str, manager: str, release: str) -> str | None:
    """The package that carries a shared object, for `apt` or `apk`; `release` may be ''."""
    entry = _table("shared_objects.json", "libraries").get(soname)
    if entry is None or manager not in ("apt", "apk"):
        return None
    if manager == "apt" and release in _T64_RELEASES:
        return str(entry.get("t64", entry["apt"]))
    package = entry.get(manager)
    return str(package) if package else None


def knows_system_package(name: str) -> bool:
    """Whether some distribution on record has an operating system package of this name."""
    return name in _system_packages() or renames.knows_system_package(name)


def release_of(image: str) -> str:
    """The code name an image reference states (`python:3.13-slim-bookworm`), '' where it states none."""
    return next((name for name, marks in _RELEASES if any(mark in image for mark in marks)), "")


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of a table; `re` itself forgets after 512, and every line is put to more than that."""
    return re.compile(pattern)


@cache
def messages() -> tuple[Message, ...]:
    """All known messages, in the order they are tried."""
    return tuple(
        Message(
            entry["id"],
            entry["pattern"],
            entry["kind"],
            tuple(entry.get("names", ())),
            tuple(entry.get("apt", ())),
            tuple(entry.get("apk", ())),
            "build" if entry.get("build") else "run" if entry.get("run") else "",
            bool(entry.get("python_headers")),
        )
        for entry in data_file("messages.json")["messages"]
    )


@dataclass(frozen=True)
class Cause:
    """Something that no manifest edit cures, by the words it is reported in."""

    id: str
    pattern: str
    reason: str
    build_only: bool = False


@cache
def causes() -> tuple[Cause, ...]:
    """All known causes to decline, in the order they are tried."""
    entries = data_file("declines.json")["causes"]
    return tuple(Cause(e["id"], e["pattern"], e["reason"], bool(e.get("build"))) for e in entries)


def _table(file: str, key: str) -> dict[str, Any]:
    table: dict[str, Any] = data_file(file)[key]
    return table


@cache
def _distributions() -> dict[str, Distribution]:
    requirements = (Requirement(value) for value in _table("python_imports.json", "imports").values())
    return {canonicalize_name(r.name): Distribution(r.name, str(r.specifier)) for r in requirements}


@cache
def _system_packages() -> frozenset[str]:
    libraries = _table("shared_objects.json", "libraries").values()
    carried = {str(entry[key]) for entry in libraries for key in ("apt", "t64", "apk") if entry.get(key)}
    return frozenset(carried.union(*((*message.apt, *message.apk) for message in messages())))


@cache
def _standard(version: str) -> frozenset[str]:
    known = set(short_versions) | set(long_versions)
    newest = max(short_versions, key=lambda text: tuple(map(int, text.split("."))))
    return frozenset(stdlib_list(version if version in known else newest))
