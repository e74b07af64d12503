"""Words, numbers and untrusted text, made fit for a terminal.

Instructions, log lines, diffs and messages come from elsewhere. What a terminal would obey is shown,
never sent: escape sequences, other control characters, and the marks that reorder text.
"""

import re
from datetime import UTC, datetime
from typing import Final

from workflows.models.record import StepRecord

# Colours are the one kind of sequence that programs write for people; they may go without a trace.
_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]*m")
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_UNSAFE_BUT_KEPT_IN_FILES: Final = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Text of several lines: newlines and tabs stay, colours go, everything else is made visible."""
    return _UNSAFE.sub(_visible, _COLOUR.sub("", text.replace("\r\n", "\n")))


def one_line(text: str, limit: int | None = None) -> str:
    """The text as one line, cut with an ellipsis at ``limit`` characters."""
    line = " ".join(clean(text).split())
    return line if limit is None or len(line) <= limit else line[: limit - 1] + "…"


def exact_but_safe(text: str) -> str:
    """A file's text for a pipe: line ends and form feeds stay as they are, a terminal's orders do not."""
    return _UNSAFE_BUT_KEPT_IN_FILES.sub(_visible, text)


def log_lines(text: str) -> str:
    """A log for reading: what a carriage return would have overwritten becomes lines of its own."""
    return clean(text.replace("\r\n", "\n").replace("\r", "\n"))


def when(instant: datetime | None) -> str:
    """An instant in UTC, to the second; a dash where there is none."""
    return "-" if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def clock(instant: datetime) -> str:
    """The time of day in UTC."""
    return instant.astimezone(UTC).strftime("%H:%M:%SZ")


def short_hash(digest: str | None) -> str:
    """Enough of a hash to compare by eye; ``absent`` where a file does not exist."""
    return "absent" if digest is None else digest.removeprefix("sha256:")[:12]


def step_label(step: StepRecord) -> str:
    """The step's name, with the round from the second on."""
    return step.name if step.round == 1 else f"{step.name} #{step.round}"


def took(step: StepRecord, now: datetime | None = None) -> float | None:
    """Seconds a step took, or takes until ``now``; None before it began."""
    if step.started_at is None:
        return None
    end = step.completed_at or now
    return None if end is None else max(0.0, (end - step.started_at).total_seconds())


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
