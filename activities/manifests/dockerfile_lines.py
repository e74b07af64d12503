"""A Dockerfile cut into instructions with their offsets, as BuildKit's parser cuts it.

Escape directive, continuation lines, comments inside them and heredocs are followed; words are not.
An own tokenizer: the parsers on the package index either report no positions or drop comments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from activities.manifests.shell_words import Script

_DIRECTIVE = re.compile(r"^#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$")
_KEYWORD = re.compile(r"^\s*([A-Za-z]+)(?=\s|$)")
_HEREDOC = re.compile(r"(?:^|\s)\d*<<(-?)([\"']?)([A-Za-z_][\w.-]*)\2(?=$|[\s|&;>)])")
_WITH_HEREDOC = frozenset({"RUN", "COPY", "ADD"})


@dataclass(frozen=True)
class Line:
    """One physical line: offsets in the text, `end` behind its line end."""

    start: int
    end: int
    text: str
    """Without line end."""


@dataclass(frozen=True)
class Instruction:
    """One instruction; `start..end` covers its lines and heredocs, line ends included."""

    keyword: str
    """Upper case."""
    line: int
    """Number of its first line, from 1."""
    start: int
    end: int
    body: Script
    """What follows the keyword, joined, without comments and continuation marks."""
    heredocs: tuple[Script, ...] = ()

    @property
    def text(self) -> str:
        """The joined body without outer blanks."""
        return self.body.chars.strip()


@dataclass
class _Joined:
    chars: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    def take(self, line: Line, first: int, last: int) -> None:
        self.chars.append(line.text[first:last])
        self.offsets.extend(range(line.start + first, line.start + last))


def physical_lines(text: str) -> list[Line]:
    """The lines of `text`; only a newline ends one."""
    lines, start = [], 0
    for raw in re.findall(r"[^\n]*\n|[^\n]+$", text):
        lines.append(Line(start, start + len(raw), raw.rstrip("\r\n")))
        start += len(raw)
    return lines


def escape_character(text: str) -> str:
    """The escape character: a backslash, or what a leading `# escape=` directive says."""
    for line in physical_lines(text.removeprefix("\ufeff")):
        directive = _DIRECTIVE.match(line.text.strip())
        if directive is None:
            break
        if directive[1].lower() == "escape":
            return directive[2]
    return "\\"


def instructions(text: str) -> list[Instruction]:
    """All instructions of `text` in order."""
    escape = re.escape(escape_character(text))
    continued = re.compile(rf"(?:(?<!{escape})|^){escape}[ \t]*$")
    lines = physical_lines(text)
    found: list[Instruction] = []
    index = 0
    while index < len(lines):
        keyword = _KEYWORD.match(lines[index].text.removeprefix("\ufeff"))
        if keyword is None:
            index += 1
            continue
        instruction, index = _read(lines, index, keyword[1].upper(), continued)
        found.append(instruction)
    return found


def _read(lines: list[Line], index: int, keyword: str, continued: re.Pattern[str]) -> tuple[Instruction, int]:
    first = index
    joined = _Joined()
    begin = re.match(r"\ufeff?\s*[A-Za-z]+", lines[index].text)
    offset = begin.end() if begin else 0
    while index < len(lines):
        line = lines[index]
        index += 1
        if index - 1 > first and (not line.text.strip() or line.text.lstrip().startswith("#")):
            continue
        mark = continued.search(line.text, offset)
        joined.take(line, offset, mark.start() if mark else len(line.text))
        offset = 0
        if mark is None:
            break
    body = Script("".join(joined.chars), joined.offsets)
    heredocs: tuple[Script, ...] = ()
    if keyword in _WITH_HEREDOC:
        heredocs, index = _heredocs(lines, index, body.chars)
    last = lines[index - 1]
    return Instruction(keyword, first + 1, lines[first].start, last.end, body, heredocs), index


def _heredocs(lines: list[Line], index: int, body: str) -> tuple[tuple[Script, ...], int]:
    """The heredocs that `body` opens; one without terminator is no heredoc."""
    found: list[Script] = []
    for mark in _HEREDOC.finditer(body):
        joined = _Joined()
        here = index
        while here < len(lines):
            plain = lines[here].text.lstrip("\t") if mark[1] else lines[here].text
            if plain == mark[3]:
                break
            joined.take(lines[here], 0, len(lines[here].text))
            joined.chars.append("\n")
            joined.offsets.append(lines[here].end - 1)
            here += 1
        if here == len(lines):
            break
        found.append(Script("".join(joined.chars), joined.offsets))
        index = here + 1
    return tuple(found), index
