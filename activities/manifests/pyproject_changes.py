"""`pyproject.toml`: a dependency renamed, removed or given an extra; every other byte stays.

Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from activities.manifests import toml_table
from activities.manifests.names import canonical
from activities.manifests.requirement_text import name_in, renamed, with_extras
from activities.manifests.toml_text import Span, after_line, line_start, lookup, parse, quoted, span_of

_BOM = "\ufeff"
_POETRY = ("tool", "poetry", "dependencies")
Path = tuple[str | int, ...]


def rename(text: str, old: str, new: str) -> str:
    """The text with `old` under the name `new`. Raises ManifestError where `old` is not declared."""
    return _changed(
        text, old, lambda value: renamed(value, new), lambda line: toml_table.renamed_line(line, new)
    )


def add_extras(text: str, name: str, extras: frozenset[str]) -> str:
    """The text with `name` asked for with these extras too. Raises ManifestError where it cannot be."""
    return _changed(
        text,
        name,
        lambda value: with_extras(value, extras),
        lambda line: toml_table.line_with_extras(line, extras),
    )


def remove(text: str, name: str) -> str:
    """The text without the dependency. Raises ManifestError where `name` is not declared."""
    return _changed(text, name, None, None)


def _changed(
    text: str,
    name: str,
    in_array: Callable[[str], str] | None,
    in_table: Callable[[str], str] | None,
) -> str:
    bom, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    item = next(((path, value) for path, value in _items(body) if name_in(value) == canonical(name)), None)
    if item is not None:
        path, value = item
        span = span_of(body, path)
        if in_array is None:
            return bom + _without(body, span)
        return bom + body[: span.start] + quoted(in_array(value), body[span.start :]) + body[span.end :]
    return bom + toml_table.changed(body, _POETRY, name, in_table)


def _items(text: str) -> Iterator[tuple[Path, str]]:
    """Every PEP 508 string of the project: dependencies, then extras, then groups."""
    document = parse(text)
    yield from _strings(document, ("project", "dependencies"))
    for table in (("project", "optional-dependencies"), ("dependency-groups",)):
        groups = lookup(document, table)
        for group in groups if isinstance(groups, Mapping) else ():
            yield from _strings(document, (*table, str(group)))


def _strings(document: object, path: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    value = lookup(document, path)  # type: ignore[arg-type]
    for index, item in enumerate(value if isinstance(value, Sequence) and not isinstance(value, str) else ()):
        if isinstance(item, str):
            yield (*path, index), str(item)


def _without(text: str, span: Span) -> str:
    """The text without an item of an array: its whole line where it stands alone, else with its comma."""
    start, end = line_start(text, span.start), after_line(text, span.end)
    rest = text[span.end : end]
    if not text[start : span.start].strip() and re.match(r"\s*,?\s*(?:#.*)?\r?\n?$", rest):
        return text[:start] + text[end:]
    comma = re.match(r"[ \t]*,[ \t]*", text[span.end :])
    if comma:
        return text[: span.start] + text[span.end + comma.end() :]
    before = re.search(r"[ \t]*,[ \t]*$", text[: span.start])
    return text[: before.start() if before else span.start] + text[span.end :]
