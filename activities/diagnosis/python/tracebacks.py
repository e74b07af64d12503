"""Python tracebacks in logs: chains of exceptions with the frames and lines that show them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from activities.diagnosis.log_lines import LogLine

_HEADER = "Traceback (most recent call last):"
_FRAME = re.compile(r'^\s*File "([^"]+)", line (\d+)(?:, in (.+))?')
_EXCEPTION = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: ?(?P<message>.*))?$")
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"
_BARE_SYNTAX = re.compile(r"^(?:SyntaxError|IndentationError|TabError): ")
_MESSAGE_LINES = 12
_LOST_LINES = 2
"""A log that is cut begins at most so many lines above the first frame that is left."""
_INSTALLED = re.compile(r"/(?:site|dist)-packages/|/lib/python\d|^<|/pip-install-|/pip-build-env-")


@dataclass(frozen=True)
class Frame:
    """One `File "...", line n` of a traceback."""

    file: str
    line: int
    log: LogLine
    code: str = ""
    """The source line that the traceback shows."""

    @property
    def is_app(self) -> bool:
        """True for the project's own code: neither installed nor part of Python."""
        return not _INSTALLED.search(self.file)


@dataclass(frozen=True)
class Raised:
    """One exception of a chain."""

    type: str
    """As printed, with its module."""
    message: str
    """First line only."""
    text: str
    """Type, message and the lines that follow it, for messages that span lines."""
    log: LogLine
    frames: tuple[Frame, ...] = ()
    link: str = ""
    """How it follows the one before: `cause`, `context`, or '' for the first."""

    @property
    def name(self) -> str:
        """The type without its module."""
        return self.type.rsplit(".", 1)[-1]


@dataclass(frozen=True)
class Chain:
    """Exceptions linked by `from` or by handling; the last one ended the attempt."""

    raised: tuple[Raised, ...]
    lines: frozenset[int]
    """Numbers of the log lines it covers."""

    @property
    def final(self) -> Raised:
        """The exception that got out."""
        return self.raised[-1]

    def roots(self) -> Iterator[Raised]:
        """The final exception and, backwards, those it was raised `from`."""
        for index in range(len(self.raised) - 1, -1, -1):
            yield self.raised[index]
            if self.raised[index].link != "cause":
                return


def chains(lines: Sequence[LogLine]) -> list[Chain]:
    """All chains in one stream of lines, in order."""
    found: list[Chain] = []
    index = 0
    while index < len(lines):
        if _HEADER in lines[index].plain or _starts_without_header(lines, index):
            start = index
            raised, index = _chain(lines, index)
            if raised:
                numbers = frozenset(line.number for line in lines[start:index])
                found.append(Chain(tuple(raised), numbers))
                continue
            index = start
        index += 1
    return found


def _chain(lines: Sequence[LogLine], index: int) -> tuple[list[Raised], int]:
    raised: list[Raised] = []
    link = ""
    while True:
        one, end = _one(lines, index, link)
        if one is None:
            return raised, end if raised else index
        raised.append(one)
        index = end
        link, index = _next_link(lines, index)
        if not link:
            return raised, end


def _next_link(lines: Sequence[LogLine], index: int) -> tuple[str, int]:
    """(how the next traceback follows, index of its header), or ('', 0)."""
    link = ""
    for here in range(index, min(index + 6, len(lines))):
        plain = lines[here].plain.strip()
        link = "cause" if plain == _CAUSE else "context" if plain == _CONTEXT else link
        if link and _HEADER in plain:
            return link, here
        if plain and not link:
            break
    return "", 0


def _one(lines: Sequence[LogLine], index: int, link: str) -> tuple[Raised | None, int]:
    """The traceback that starts at `index`, and the index behind its exception line and message."""
    frames: list[Frame] = []
    margin: int | None = None
    if _HEADER not in lines[index].plain:
        index -= 1
    for here in range(index + 1, len(lines)):
        plain = lines[here].plain
        frame = _FRAME.match(plain)
        indent = len(plain) - len(plain.lstrip())
        if frame:
            margin = indent - 2 if margin is None else margin
            frames.append(Frame(frame[1], int(frame[2]), lines[here]))
        elif margin is None:
            break
        elif indent <= max(margin, 0) and plain.strip():
            return _exception(lines, here, tuple(frames), link)
        elif not frames[-1].code:
            frames[-1] = replace(frames[-1], code=plain.strip())
    return None, index


def _exception(
    lines: Sequence[LogLine], index: int, frames: tuple[Frame, ...], link: str
) -> tuple[Raised | None, int]:
    found = _EXCEPTION.match(lines[index].plain.strip())
    if found is None:
        return None, index
    text = [lines[index].plain.strip()]
    end = index + 1
    for line in lines[index + 1 : index + 1 + _MESSAGE_LINES]:
        if not line.plain.strip() or _HEADER in line.plain or _EXCEPTION.match(line.plain):
            break
        text.append(line.plain.strip())
    message = (found["message"] or "").strip()
    return Raised(found["type"], message, "\n".join(text), lines[index], frames, link), end


def _starts_without_header(lines: Sequence[LogLine], index: int) -> bool:
    """`File "x", line 3`, code, caret, `SyntaxError: ...`; or a traceback whose beginning is lost."""
    if not _FRAME.match(lines[index].plain):
        return False
    if index < _LOST_LINES:
        return True
    return any(_BARE_SYNTAX.match(line.plain) for line in lines[index + 1 : index + 5])
