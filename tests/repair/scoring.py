"""Is an answer right? Names count without version and spelling; more than was asked for is right as well."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tests.repair.cases import Expected

_SPECIFIER = re.compile(r"(?<=[\w\])])\s*(?:[<>=~!]=?|==)|(?<=\w)@(?=[\d^~])")
_SEPARATORS = re.compile(r"[-_.]+")
DECLINE = "decline"


class Mark(StrEnum):
    """How an answer compares with what cured the case."""

    RIGHT = "right"
    PARTIAL = "partial"
    """Nothing wrong in it, but not all, or by another way of changing the same."""
    DECLINED = "declined"
    """An honest no where a fix was possible."""
    WRONG = "wrong"
    """A fix that would not help, or a fix where nothing may be changed."""


@dataclass(frozen=True)
class Said:
    """The best finding of an answer."""

    decision: str
    kind: str = ""
    names: tuple[str, ...] = ()


def judge(said: Said, expected: Expected) -> Mark:
    """The mark of one answer."""
    fixes = [option for option in expected.options() if option.kind != DECLINE]
    if said.decision == DECLINE:
        return Mark.RIGHT if len(fixes) < len(expected.options()) else Mark.DECLINED
    names = bare(said.names)
    for option in fixes:
        wanted = bare(option.names)
        if said.kind == option.kind and (wanted == names or (wanted and wanted <= names)):
            return Mark.RIGHT
    allowed = bare(expected.also_needed_next)
    for option in fixes:
        wanted = bare(option.names)
        if wanted & names and names <= wanted | allowed:
            return Mark.PARTIAL
    return Mark.WRONG


def bare(names: Iterable[str]) -> set[str]:
    """Names without version, in one spelling."""
    return {_SEPARATORS.sub("-", _SPECIFIER.split(name.strip())[0].lower()) for name in names}
