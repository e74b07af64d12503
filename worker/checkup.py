"""What a check of the doctor answers."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a check went; a note is worth knowing and nothing fails by it."""

    OK = "ok"
    NOTE = "note"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Check:
    """One line of the doctor's answer."""

    name: str
    grade: Grade
    detail: str
    remedy: str = ""


Answer = tuple[Grade, str]
