"""Names that are nearly the name of a popular package: the usual trap for a slip of the pen. Pure."""

from __future__ import annotations

from collections.abc import Collection

_SHORT = 5
"""Names below this length are too often near another one by chance."""
_LONG = 10
"""From here on two slips count as near."""


def near_popular(name: str, popular: Collection[str]) -> str:
    """The popular name that `name` could be mistaken for; '' for none, and for a popular name itself."""
    if name in popular:
        return ""
    letters, squeezed, parts = set(name), _squeezed(name), sorted(_parts(name))
    for other in sorted(popular):
        if len(other) < _SHORT:
            continue
        if squeezed == _squeezed(other) or (len(parts) > 1 and parts == sorted(_parts(other))):
            return other
        allowed = 2 if len(other) >= _LONG else 1
        close = abs(len(other) - len(name)) <= allowed and len(letters ^ set(other)) <= 2 * allowed
        if close and distance(name, other) <= allowed:
            return other
    return ""


def distance(one: str, other: str) -> int:
    """Letters put in, left out, exchanged, or swapped with their neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, opposite in enumerate(other, 1):
            cost = min(row[-1] + 1, before[j] + 1, before[j - 1] + (letter != opposite))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == opposite:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _parts(name: str) -> list[str]:
    return name.replace("_", "-").replace(".", "-").lstrip("@").replace("/", "-").split("-")


def _squeezed(name: str) -> str:
    return "".join(_parts(name))
