"""Where a TOML value stands in its text, so that one value can be edited and no other byte moves."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, MutableSequence
from dataclasses import dataclass
from typing import cast

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item

from activities.manifests.errors import ManifestError

_MARK = "@mm-orchestrator-was-here@"
_MARKED = f'"{_MARK}"'


@dataclass(frozen=True)
class Span:
    """Offsets of a value in the text, quotes and brackets included."""

    start: int
    end: int


def parse(text: str) -> tomlkit.TOMLDocument:
    """The document; raises ManifestError with the parser's own message when it is not TOML."""
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ManifestError(f"not valid TOML: {error}") from error


def lookup(document: MutableMapping[str, object], path: tuple[str | int, ...]) -> object:
    """The value at `path`, or None where any part of it is missing."""
    value: object = document
    for part in path:
        if isinstance(part, int):
            if not isinstance(value, MutableSequence) or part >= len(value):
                return None
            value = value[part]
        elif isinstance(value, MutableMapping) and part in value:
            value = value[part]
        else:
            return None
    return value


def span_of(text: str, path: tuple[str | int, ...]) -> Span:
    """Where the value at `path` stands: it is swapped for a mark, and the mark is found in the output.

    Raises ManifestError where there is none, such as where a string stands for a list, and where the document
    does not print back byte for byte around it.
    """
    document = parse(text)
    item = lookup(document, path)
    if not isinstance(item, Item):
        raise ManifestError("the place to edit is not what this kind of file has there")
    raw = item.as_string()
    parent = lookup(document, path[:-1])
    if isinstance(parent, MutableSequence):
        parent[cast("int", path[-1])] = _MARK
    else:
        cast("MutableMapping[str, object]", parent)[cast("str", path[-1])] = _MARK
    marked = tomlkit.dumps(document)
    start = marked.find(_MARKED)
    end = start + len(raw)
    whole = marked[: max(start, 0)] + raw + marked[start + len(_MARKED) :]
    if start < 0 or whole != text or text[start:end] != raw:
        raise ManifestError("the place to edit is not clear in this file")
    return Span(start, end)


def line_end(text: str) -> str:
    """The line end the file uses."""
    return "\r\n" if "\r\n" in text else "\n"


def line_start(text: str, offset: int) -> int:
    """Offset of the first character of the line that holds `offset`."""
    return text.rfind("\n", 0, offset) + 1


def after_line(text: str, offset: int) -> int:
    """Offset behind the line end of the line that holds `offset`, or the text's length."""
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def indent_of(text: str, offset: int) -> str | None:
    """The blanks before `offset` on its line; None when something else stands there."""
    head = text[line_start(text, offset) : offset]
    return head if not head.strip(" \t") else None


def quoted(value: str, like: str) -> str:
    """`value` as a TOML string in the quotes of `like`, a raw TOML string."""
    quote = like[:1] if re.match(r"['\"]", like) else '"'
    if quote in value or "\\" in value:
        return str(tomlkit.item(value).as_string())
    return quote + value + quote
