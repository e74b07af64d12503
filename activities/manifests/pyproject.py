"""`pyproject.toml`: `[project] dependencies` and `[tool.poetry.dependencies]`, edited in place.

Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from activities.manifests import toml_table
from activities.manifests.errors import ManifestError
from activities.manifests.names import canonical, pinned, spelled, wanted
from activities.manifests.toml_text import (
    after_line,
    indent_of,
    line_end,
    line_start,
    lookup,
    parse,
    quoted,
    span_of,
)

_BOM = "\ufeff"
_ARRAY = ("project", "dependencies")
_POETRY = ("tool", "poetry", "dependencies")


def declared(text: str) -> set[str]:
    """Canonical names that an install of the project asks for; extras and groups do not count."""
    document = parse(text.removeprefix(_BOM))
    names = {canonical(requirement.name) for requirement in _array(document) if requirement}
    return names | {canonical(key) for key in _poetry(document) if key != toml_table.PYTHON}


def requirement_of(text: str, name: str) -> Requirement | None:
    """What `[project] dependencies` asks for under `name`; None where nothing readable is found."""
    found = (r for r in _array(parse(text.removeprefix(_BOM))) if r and canonical(r.name) == canonical(name))
    return next(found, None)


def add(text: str, name: str, specifier: str = "") -> str:
    """The text with one more dependency; unchanged where it is declared and no specifier is asked.

    Raises ManifestError for dynamic dependencies and files without a place for dependencies.
    """
    requirement = wanted(name, specifier)
    known = declared(text)
    if canonical(name) in known:
        if specifier:
            raise ManifestError(f"{name} is declared already; change its version instead of adding it")
        return text
    bom, body = _split_bom(text)
    document = parse(body)
    _refuse_dynamic(document)
    if lookup(document, _ARRAY) is not None:
        result = _add_to_array(body, requirement)
    elif isinstance(lookup(document, _POETRY), Mapping):
        result = toml_table.add(body, _POETRY, requirement)
    elif isinstance(lookup(document, ("project", "name")), str):
        result = _start_array(body, requirement)
    else:
        raise ManifestError("the file has neither a [project] table nor [tool.poetry.dependencies]")
    if declared(result) != known | {canonical(name)}:
        raise ManifestError(f"the place for {name} is not clear in this file")
    return bom + result


def pin(text: str, name: str, version: str) -> str:
    """The text with the version of `name` replaced; extras, marker, quotes and comments stay.

    `version` is a version (`1.4.2`) or a specifier (`<4`). Raises ManifestError where `name` is not
    declared, declared more than once, or comes from a URL or path.
    """
    specifier = pinned(version)
    bom, body = _split_bom(text)
    document = parse(body)
    _refuse_dynamic(document)
    items = [i for i, r in enumerate(_array(document)) if r and canonical(r.name) == canonical(name)]
    keys = [key for key in _poetry(document) if canonical(key) == canonical(name)]
    if len(items) + len(keys) != 1:
        times = len(items) + len(keys)
        raise ManifestError(
            f"{name} is declared {times} times in this file" if times else f"{name} is not declared"
        )
    if items:
        return bom + _pin_in_array(body, items[0], specifier)
    return bom + toml_table.pin(body, _POETRY, keys[0], specifier)


def _array(document: tomlkit.TOMLDocument) -> list[Requirement | None]:
    """The PEP 508 requirements by position; None for what cannot be read."""
    value = lookup(document, _ARRAY)
    return [_read(str(item)) for item in value] if isinstance(value, Sequence) else []


def _read(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _poetry(document: tomlkit.TOMLDocument) -> list[str]:
    value = lookup(document, _POETRY)
    return [str(key) for key in value] if isinstance(value, Mapping) else []


def _refuse_dynamic(document: tomlkit.TOMLDocument) -> None:
    dynamic = lookup(document, ("project", "dynamic"))
    if isinstance(dynamic, Sequence) and "dependencies" in dynamic:
        raise ManifestError("the dependencies are dynamic: the build backend reads them from elsewhere")


def _split_bom(text: str) -> tuple[str, str]:
    return (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)


def _add_to_array(text: str, requirement: Requirement) -> str:
    found = _array(parse(text))
    names = [canonical(r.name) if r else "" for r in found]
    if not names:
        return _fill_empty_array(text, requirement)
    sorted_now = len(names) > 1 and names == sorted(names)
    greater = [i for i, name in enumerate(names) if name > canonical(requirement.name)]
    if sorted_now and greater:
        return _insert_before(text, greater[0], spelled(requirement))
    return _append(text, len(names) - 1, spelled(requirement))


def _insert_before(text: str, index: int, value: str) -> str:
    span = span_of(text, (*_ARRAY, index))
    indent = indent_of(text, span.start)
    separator = ", " if indent is None else "," + line_end(text) + indent
    new = quoted(value, text[span.start :])
    return text[: span.start] + new + separator + text[span.start :]


def _append(text: str, index: int, value: str) -> str:
    span = span_of(text, (*_ARRAY, index))
    indent = indent_of(text, span.start)
    new = quoted(value, text[span.start :])
    comma = re.match(r"[ \t]*,", text[span.end :])
    if indent is None:
        return text[: span.end] + ", " + new + text[span.end :]
    here = after_line(text, span.end)
    if comma:
        return text[:here] + indent + new + "," + line_end(text) + text[here:]
    if re.match(r"[ \t]*(?:#[^\n]*)?\r?\n", text[span.end :]) is None:
        return text[: span.end] + ", " + new + text[span.end :]
    return text[: span.end] + "," + text[span.end : here] + indent + new + line_end(text) + text[here:]


def _fill_empty_array(text: str, requirement: Requirement) -> str:
    span = span_of(text, _ARRAY)
    inside = text[span.start + 1 : span.end - 1].rstrip()
    if not inside:
        return text[: span.start] + f'["{spelled(requirement)}"]' + text[span.end :]
    # Nothing but comments: each runs to the end of its line, so the bracket stands on a line of its own.
    last = line_start(text, span.start + len(inside))
    indent = indent_of(text, last + text[last:].index("#")) if last > span.start else "    "
    here = line_start(text, span.end - 1)
    return text[:here] + f'{indent or ""}"{spelled(requirement)}",' + line_end(text) + text[here:]


def _start_array(text: str, requirement: Requirement) -> str:
    """A [project] that depends on nothing yet: the list goes below `version` or `name`."""
    key = "version" if isinstance(lookup(parse(text), ("project", "version")), str) else "name"
    here = after_line(text, span_of(text, ("project", key)).end)
    line = f'dependencies = ["{spelled(requirement)}"]'
    end = line_end(text)
    return text[:here] + (line + end if text[:here].endswith("\n") else end + line) + text[here:]


def _pin_in_array(text: str, index: int, specifier: SpecifierSet) -> str:
    requirement = _array(parse(text))[index]
    if requirement is None or requirement.url:
        raise ManifestError("the dependency is installed from a URL and has no version here")
    span = span_of(text, (*_ARRAY, index))
    marker = f"; {requirement.marker}" if requirement.marker else ""
    requirement.specifier = specifier
    value = spelled(requirement) + marker
    return text[: span.start] + quoted(value, text[span.start :]) + text[span.end :]
