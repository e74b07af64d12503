"""Composer's constraints on PHP, and the release that meets them with the least change."""

from __future__ import annotations

import re

RELEASES = ("5.6", "7.0", "7.1", "7.2", "7.3", "7.4", "8.0", "8.1", "8.2", "8.3", "8.4")
_PART = re.compile(r"(\^|~|>=|<=|>|<|!=|==|=)?\s*v?(\d+(?:\.(?:\d+|\*))*)")

Version = tuple[int, ...]


def release_for(constraints: tuple[str, ...], present: str) -> str:
    """The release nearest to `present` (`7.4`) that all constraints allow; '' where none does."""
    fitting = [release for release in RELEASES if all(allows(one, release) for one in constraints)]
    here = _version(present)
    if not fitting or not here:
        return fitting[0] if fitting else ""
    above = [release for release in fitting if _version(release) >= here[:2]]
    return above[0] if above else fitting[-1]


def allows(constraint: str, release: str) -> bool:
    """Whether some patch release of `release` (`8.1`) meets a Composer constraint."""
    return any(_all(part, release) for part in re.split(r"\|\|?", constraint))


def _all(conditions: str, release: str) -> bool:
    found = _PART.findall(re.sub(r"\s+-\s+", " <=", f">={conditions}") if " - " in conditions else conditions)
    return bool(found) and all(_meets(mark, version, release) for mark, version in found)


def _meets(mark: str, version: str, release: str) -> bool:
    """Compared by major and minor, since an image of a release carries its newest patch."""
    wanted = _version(version.replace(".*", ""))
    here = _version(release)
    low = (*wanted, 0)[:2]
    patch = wanted[2] if len(wanted) > 2 else 0
    answers = {
        ">=": here >= low,
        ">": here >= low,
        "<": here < low or (here == low and patch > 0),
        "<=": here <= low,
        "^": here >= low and here[0] == wanted[0],
        "~": here >= low and (here[0] == wanted[0] if len(wanted) < 3 else here == low),
        "!=": True,
    }
    return answers.get(mark, here[: len(wanted)] == wanted[:2])


def _version(text: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", text))
