"""A JSON object with the place of each of its members, read with the standard library's decoder."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from activities.manifests.errors import ManifestError

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Member:
    """One `"key": value` of an object, with offsets in the text."""

    key: str
    value: object
    start: int
    """Of the key's opening quote."""
    key_end: int
    value_start: int
    end: int


@dataclass(frozen=True)
class Members:
    """One object: offsets of its braces, and what is in it."""

    open: int
    close: int
    items: tuple[Member, ...]

    def named(self, key: str) -> Member | None:
        """The member with this key; JSON lets the last one of several count."""
        return next((item for item in reversed(self.items) if item.key == key), None)


def read_object(text: str, name: str) -> Members:
    """The whole of the file `name` as an object.

    Raises ManifestError for JSON with comments, and for everything else that is no JSON object.
    """
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{name} is not well-formed JSON") from error
    if not isinstance(value, dict) or text[end:].strip():
        raise ManifestError(f"{name} is not one JSON object")
    return _members(text, start)


def object_in(text: str, member: Member) -> Members:
    """The members of an object that is a member itself; ManifestError where it is none."""
    if not isinstance(member.value, dict):
        raise ManifestError(f"{member.key} is no JSON object")
    return _members(text, member.value_start)


def _members(text: str, start: int) -> Members:
    """Of text that the decoder has read already, so no place in it can be wrong."""
    position = _skip(text, start + 1)
    items: list[Member] = []
    while text[position] != "}":
        key, key_end = _DECODER.raw_decode(text, position)
        value_start = _skip(text, _skip(text, key_end) + 1)
        value, end = _DECODER.raw_decode(text, value_start)
        items.append(Member(str(key), value, position, key_end, value_start, end))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return Members(start, position, tuple(items))


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
