"""A log of any length, read from its end in windows: memory stays bounded, line numbers stay true."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

from activities.diagnosis.answers import Diagnosis
from activities.diagnosis.diagnose import diagnose
from activities.diagnosis.evidence import Evidence, Phase, SourceText
from activities.diagnosis.log_lines import MAX_LINES, read_log
from activities.diagnosis.phase_guess import guess_phase

WINDOW_BYTES = 2 * 1024 * 1024
_OVERLAP_LINES = 200
"""Seen twice, so that a message of several lines is whole in one of two windows."""
_OLDER_WINDOWS = 4
"""How many windows with such words are read before the last one."""
_NOTHING = "decline.no_evidence"
_WORDS = (
    b"rror", b"ERR", b"xception", b"atal", b"FATAL", b"annot", b"ould not", b"ot found", b"o such",
    b"issing", b"ailed", b"enied", b"refused", b"equire", b"panic", b"illed", b"in use", b"not set",
)  # fmt: skip
"""What a cause can hardly be told without; an older window with none of these is passed over."""


@dataclass(frozen=True)
class LongLog:
    """A seekable binary stream with a log in it.

    Attributes:
        stream: UTF-8, whatever cannot be decoded is replaced; CR LF is taken as it is.
        name: how quotes call it.
    """

    stream: BinaryIO
    name: str

    def diagnose(self, evidence: Evidence, phase: Phase | None = None) -> tuple[Diagnosis, Evidence]:
        """The decision on the log, and the evidence with the part that decided.

        The end is what ended the attempt. Only where it shows no cause is the part before it asked, and of
        a BuildKit log never: its failed step is named at the end. ``phase`` None: guessed from the end.
        """
        first: tuple[Diagnosis, Evidence] | None = None
        for window in self.windows():
            known = phase or guess_phase(window.text)
            seen = replace(evidence, sources=(replace(window, phase=known),))
            answer = diagnose(seen)
            first, phase = first or (answer, seen), known
            if _decides(answer):
                return answer, seen
            if read_log(window.text).failed:
                break
        return first or (diagnose(evidence), evidence)

    def windows(self) -> Iterator[SourceText]:
        """Whole lines of at most WINDOW_BYTES and MAX_LINES, the last ones first."""
        counts = self._newlines()
        after, left = b"", _OLDER_WINDOWS
        for block in range(len(counts) - 1, -1, -1):
            raw = self._block(block)
            data, before = raw + after, sum(counts[:block])
            after = b"\n".join(raw.split(b"\n", _OVERLAP_LINES)[:_OVERLAP_LINES])
            if block and counts[block]:
                # Its first line began in the block before; of a line longer than a block the end is read.
                data, before = data.partition(b"\n")[2], before + 1
            last = block == len(counts) - 1
            if last or (left and any(word in data for word in _WORDS)):
                left -= not last
                yield from self._cut(data.decode("utf-8", "replace"), before + 1)

    def _cut(self, text: str, first_line: int) -> Iterator[SourceText]:
        """The window in pieces that a rule may see at once."""
        lines = text.split("\n")
        step = MAX_LINES - _OVERLAP_LINES
        end = len(lines)
        while end > 0:
            start = max(0, end - MAX_LINES)
            piece = "\n".join(lines[start:end])
            yield SourceText(self.name, piece, first_line=first_line + start)
            end = end - step if start else 0

    def _newlines(self) -> list[int]:
        """Newlines per block; all have WINDOW_BYTES but the first, so that the end is never a fragment."""
        size = self.stream.seek(0, io.SEEK_END)
        self.stream.seek(0)
        first = self.stream.read(size % WINDOW_BYTES)
        rest = iter(lambda: self.stream.read(WINDOW_BYTES), b"")
        return [data.count(b"\n") for data in chain([first], rest)]

    def _block(self, number: int) -> bytes:
        size = self.stream.seek(0, io.SEEK_END)
        first = size % WINDOW_BYTES
        self.stream.seek(first + (number - 1) * WINDOW_BYTES if number else 0)
        return self.stream.read(WINDOW_BYTES if number else first)


def _decides(answer: Diagnosis) -> bool:
    return not (answer.findings and answer.findings[0].rule == _NOTHING)
