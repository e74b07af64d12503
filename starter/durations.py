"""Durations as people type them: ``30d``, ``12h``, ``90m``."""

import re
from datetime import timedelta
from typing import Final

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TYPED: Final = re.compile(r"(\d{1,5})([smhdw])")


def duration(text: str) -> timedelta:
    """The duration that ``text`` says.

    Raises:
        ValueError: it is none, or is zero.
    """
    match = _TYPED.fullmatch(text.strip().lower())
    if match is None or not int(match.group(1)):
        raise ValueError(f"{text!r} is no duration: a number and one of s, m, h, d, w, for instance 7d")
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
