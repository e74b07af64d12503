"""A TOML table of `name = "version"`, as Poetry and Pipenv keep it: one line changes, no other byte moves.

`at` is the table's path, for instance `("tool", "poetry", "dependencies")`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from activities.manifests.errors import ManifestError
from activities.manifests.names import canonical, clauses
from activities.manifests.toml_text import after_line, line_end, line_start, lookup, parse, quoted, span_of

At = tuple[str, ...]
PYTHON = "python"
"""Poetry names the interpreter among the dependencies; it comes first, whatever the order."""


def keys(text: str, at: At) -> list[str]:
    """The names as they are spelled, in order; none where there is no such table."""
    table = lookup(parse(text), at)
    return [str(key) for key in table] if isinstance(table, Mapping) else []


def requirement(text: str, at: At, name: str) -> Requirement | None:
    """What the table asks for under `name`; None where it is no plain version, or not there."""
    table = lookup(parse(text), at)
    found = [key for key in keys(text, at) if canonical(key) == canonical(name)]
    if not found or not isinstance(table, Mapping):
        return None
    value = table[found[0]]
    version = value.get("version", "*") if isinstance(value, Mapping) else value
    extras = value.get("extras", ()) if isinstance(value, Mapping) else ()
    bracket = f"[{','.join(map(str, extras))}]" if extras else ""
    try:
        return Requirement(f"{found[0]}{bracket}{'' if version == '*' else version}")
    except InvalidRequirement:
        return None


def add(text: str, at: At, wanted: Requirement) -> str:
    """The text with one more line, in order where the table is in order.

    Raises:
        ManifestError: the table is not there, or so empty that the place is not clear.
    """
    known = keys(text, at)
    if not known:
        return _first(text, at, wanted)
    names = [canonical(key) for key in known if key != PYTHON]
    sorted_now = len(names) > 1 and names == sorted(names)
    smaller = [key for key in known if key == PYTHON or canonical(key) < canonical(wanted.name)]
    if sorted_now and not smaller:
        here = line_start(text, span_of(text, (*at, known[0])).start)
    else:
        here = after_line(text, span_of(text, (*at, smaller[-1] if sorted_now else known[-1])).end)
    return _inserted(text, here, wanted)


def pin(text: str, at: At, key: str, specifier: SpecifierSet) -> str:
    """The text with the version of `key` replaced. Raises ManifestError where it has none."""
    path: tuple[str | int, ...] = (*at, key)
    value = lookup(parse(text), path)
    if isinstance(value, Mapping):
        path = (*path, "version")
        value = value.get("version")
    if not isinstance(value, str):
        raise ManifestError(f"{key} has no version here")
    span = span_of(text, path)
    return text[: span.start] + quoted(clauses(specifier), text[span.start :]) + text[span.end :]


def changed(text: str, at: At, name: str, change: Callable[[str], str] | None) -> str:
    """The text with the line of `name` changed, or taken out. Raises ManifestError where that is not safe."""
    found = [key for key in keys(text, at) if canonical(key) == canonical(name)]
    if not found:
        raise ManifestError(f"{name} is not declared in this file")
    span = span_of(text, (*at, found[0]))
    start, end = line_start(text, span.start), after_line(text, span.end)
    if "\n" in text[span.start : span.end]:
        raise ManifestError(f"{name} is declared over several lines")
    return text[:start] + (change(text[start:end]) if change else "") + text[end:]


def renamed_line(line: str, new: str) -> str:
    """The line under another name."""
    found = re.match(r"^(\s*)([\"']?)[\w.-]+\2(\s*=)", line)
    if found is None:
        raise ManifestError("the dependency is not declared in a plain form")
    return f"{found[1]}{found[2]}{new}{found[2]}{found[3]}" + line[found.end() :]


def line_with_extras(line: str, extras: frozenset[str]) -> str:
    """The line with extras asked for."""
    plain = re.match(r"^(?P<head>\s*[\"']?[\w.-]+[\"']?\s*=\s*)(?P<version>\"[^\"]*\"|'[^']*')", line)
    if plain is None:
        raise ManifestError(
            "the dependency is declared as a table; its extras are for its own tool to change"
        )
    names = ", ".join(f'"{extra}"' for extra in sorted(extras))
    return f"{plain['head']}{{extras = [{names}], version = {plain['version']}}}" + line[plain.end() :]


def _first(text: str, at: At, wanted: Requirement) -> str:
    """The first line of an empty table goes below its header."""
    header = re.compile(rf"^[ \t]*\[[ \t]*{re.escape('.'.join(at))}[ \t]*\][ \t]*(?:#[^\n]*)?(?:\n|\Z)", re.M)
    found = list(header.finditer(text))
    if len(found) != 1:
        raise ManifestError(f"[{'.'.join(at)}] is not there, or the place in it is not clear")
    return _inserted(text, found[0].end(), wanted)


def _inserted(text: str, here: int, wanted: Requirement) -> str:
    version = quoted(clauses(wanted.specifier) or "*", '"')
    extras = ", ".join(f'"{extra}"' for extra in sorted(wanted.extras))
    value = f"{{extras = [{extras}], version = {version}}}" if extras else version
    line = f"{wanted.name} = {value}"
    end = line_end(text)
    return text[:here] + (line + end if text[:here].endswith("\n") else end + line) + text[here:]
