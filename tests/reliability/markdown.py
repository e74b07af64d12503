"""The few words of Markdown that the page is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count, groupby


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar or a line's end in a cell is made harmless."""
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def seed_ranges(seeds: Iterable[int]) -> str:
    """``1-4, 7``: consecutive ones as a range."""
    numbers = count()
    groups = (list(group) for _, group in groupby(sorted(set(seeds)), key=lambda seed: seed - next(numbers)))
    return ", ".join(str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}" for group in groups)


def anchor_list(tests: Iterable[str]) -> str:
    """``path::test`` as links to the files."""
    return "<br>".join(f"[`{test.rpartition('::')[2]}`]({test.partition('::')[0]})" for test in tests)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
