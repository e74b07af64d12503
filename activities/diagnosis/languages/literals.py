"""Words that a pattern cannot match without, so that most patterns need not be tried on most lines.

A search for plain words is some fifty times faster than one for a pattern.
"""

from __future__ import annotations

_CLASSES = frozenset("AbBdDsSwWZ0123456789")
_SHORTEST = 3


def needed_words(pattern: str) -> tuple[str, ...]:
    """One word per alternative of a regular expression; any match holds one of them.

    Empty where some alternative has no word of three letters outside groups, so that nothing is known.
    """
    longest = [max(_runs(one), key=len, default="") for one in _alternatives(pattern)]
    return tuple(dict.fromkeys(longest)) if all(len(word) >= _SHORTEST for word in longest) else ()


def _alternatives(pattern: str) -> list[str]:
    """The pattern cut at each `|` that stands outside groups and character classes."""
    parts, start = [], 0
    for at, depth, piece in _pieces(pattern):
        if piece == "|" and depth == 0:
            parts.append(pattern[start:at])
            start = at + 1
    return [*parts, pattern[start:]]


def _runs(pattern: str) -> list[str]:
    """Stretches of plain characters outside groups, without one that a quantifier makes optional."""
    runs = [""]
    for _, depth, piece in _pieces(pattern):
        if depth == 0 and piece[0] in "?*{":
            runs[-1] = runs[-1][:-1]
        if depth == 0 and _plain(piece):
            runs[-1] += piece[-1]
        else:
            runs.append("")
    return runs


def _plain(piece: str) -> bool:
    if piece.startswith("\\"):
        return piece[1] not in _CLASSES
    return len(piece) == 1 and piece not in "^$.|?*+{}()[]"


def _pieces(pattern: str) -> list[tuple[int, int, str]]:
    """(offset, depth, piece): an escape, a character class as a whole, a bracket or a character."""
    found, at, depth = [], 0, 0
    while at < len(pattern):
        piece = pattern[at]
        if piece == "\\":
            piece = pattern[at : at + 2]
        elif piece == "[":
            piece = pattern[at : _class_end(pattern, at)]
        elif piece == "{" and "}" in pattern[at:]:
            piece = pattern[at : pattern.index("}", at) + 1]
        if piece == ")":
            depth -= 1
        found.append((at, depth, piece))
        at += len(piece)
        if piece == "(":
            depth += 1
    return found


def _class_end(pattern: str, start: int) -> int:
    at = start + (2 if pattern[start + 1 : start + 2] == "^" else 1)
    at += 1 if pattern[at : at + 1] == "]" else 0
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at + 1
