"""`setup.cfg`: the lines of `[options] install_requires`, edited as the requirements file that they are.

Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from packaging.requirements import Requirement

from activities.manifests import requirements, requirements_changes
from activities.manifests.errors import ManifestError

_SECTION = re.compile(r"^\[(?P<name>[^\]]+)\]\s*$")
_KEY = re.compile(r"^install_requires\s*[=:]\s*(?P<value>.*?)\s*$")


@dataclass(frozen=True)
class _List:
    """Lines `first..last` of the file (from 0, `last` not included) and what they say without indent."""

    first: int
    last: int
    indent: str
    body: str


def declared(text: str) -> set[str]:
    """Canonical names that an install of the project asks for; extras do not count."""
    found = _find(text)
    return requirements.declared(found.body) if found else set()


def requirement_of(text: str, name: str) -> Requirement | None:
    """What the list asks for under `name`; None where nothing readable is found."""
    found = _find(text)
    return requirements.requirement_of(found.body, name) if found else None


def add(text: str, name: str, specifier: str = "") -> str:
    """The text with one more requirement. Raises ManifestError where there is no list to add to."""
    return _edited(text, lambda body: requirements.add(body, name, specifier))


def pin(text: str, name: str, version: str) -> str:
    """The text with the version of `name` replaced. Raises ManifestError where that is not safe."""
    return _edited(text, lambda body: requirements.pin(body, name, version))


def rename(text: str, old: str, new: str) -> str:
    """The text with `old` under the name `new`. Raises ManifestError where `old` is not declared."""
    return _edited(text, lambda body: requirements_changes.rename(body, old, new))


def add_extras(text: str, name: str, extras: frozenset[str]) -> str:
    """The text with `name` asked for with these extras too. Raises ManifestError where it cannot be."""
    return _edited(text, lambda body: requirements_changes.add_extras(body, name, extras))


def remove(text: str, name: str) -> str:
    """The text without the requirement. Raises ManifestError where `name` is not declared."""
    return _edited(text, lambda body: requirements_changes.remove(body, name))


def _edited(text: str, change: Callable[[str], str]) -> str:
    found = _find(text)
    if found is None:
        raise ManifestError(
            "setup.cfg has no list of requirements, one a line, in [options] install_requires"
        )
    lines = text.splitlines(keepends=True)
    body = change(found.body).splitlines(keepends=True)
    indented = [found.indent + line if line.strip() else line for line in body]
    return "".join([*lines[: found.first], *indented, *lines[found.last :]])


def _find(text: str) -> _List | None:
    """The list, None where there is none or its requirements stand behind the `=`."""
    lines = text.splitlines(keepends=True)
    section = ""
    for number, line in enumerate(lines):
        header = _SECTION.match(line)
        section = header["name"].strip() if header else section
        key = _KEY.match(line) if section == "options" else None
        if key is None:
            continue
        if key["value"]:
            return None
        last = number + 1
        while last < len(lines) and re.match(r"[ \t]+\S", lines[last]):
            last += 1
        mine = lines[number + 1 : last]
        indent = re.match(r"[ \t]*", mine[0]) if mine else None
        body = "".join(line.lstrip(" \t") for line in mine)
        return _List(number + 1, last, indent.group() if indent else "    ", body) if mine else None
    return None
