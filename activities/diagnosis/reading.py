"""One log, every ecosystem: the verdict on what ended the attempt.

An ecosystem is one module with two functions (``Ecosystem``): ``blocks`` finds texts of several lines that
belong together (a traceback), ``of_line`` judges one line with its neighbours. The engine walks a stream from
its end; the first verdict decides. In a build an error that no rule knows yields to a known cause earlier in
the same step; of a BuildKit log only the failed steps count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from activities.diagnosis.evidence import Phase, SourceText
from activities.diagnosis.log_lines import LogLine, read_log
from activities.diagnosis.project import Project
from activities.diagnosis.verdicts import Refusal, Verdict

_ERROR_WORDS = (
    "error", "exception", "need", "not found", "failed", "unable to", "cannot", "could not", "can't",
    "denied", "refused", "no such", "no module", "in use", "no space", "killed", "install", "missing",
    "not set", "unknown", "must be", "require", "not locate", "unresolved", "undefined", "not resolve",
    "no matching", "incompatible", "unsupported", "unsatisf", "conflict", "out of sync", "does not",
    "not exist", "no longer", "invalid", "expected", "fatal", "panic", "abort", "no package",
    "not installed", "not available", "err!", "err_", "out of memory", "yn00", "was not", "heap limit",
    "couldn't", "compiled against", "sigkill", "never called", "not initialize", "be found",
    "doesn't seem",
    "fail", "is not in", "updates to", "specified", "recent version", "supports platforms",
    "main manifest", "inconsistent", "unstable", "nightly", "newer", "option", "wrong version", "notfound",
    "gemfile changed", "must use",
    "problem", "too many", "toomany", "free space", "not match", "mismatch",
    "timed out", "timeout", "can not", "***", "already exists", "unrecognized", "no valid", "signal",
    "sigterm", "not empty", "[emerg]", "classversion", "unauthorized", "forbidden", "illegal",
    "not allowed", "not supported",
)  # fmt: skip
"""In lower case; a line with none of these is no error. Plain words: as a pattern ten times slower."""
_MAX_ERROR_LINES = 3000
_MAX_ALIKE = 20
"""How many lines that differ in numbers only are judged: the next thousand of them say nothing new."""
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Place:
    """One line of a stream, with its neighbours and the time it was written in."""

    lines: Sequence[LogLine]
    """The whole stream (BuildKit step, container), prefixes taken off."""
    index: int
    """Of the line that is judged."""
    phase: Phase

    @property
    def line(self) -> LogLine:
        """The line that is judged."""
        return self.lines[self.index]

    def before(self, count: int) -> Sequence[LogLine]:
        """At most ``count`` lines above it, in order."""
        return self.lines[max(0, self.index - count) : self.index]

    def after(self, count: int) -> Sequence[LogLine]:
        """At most ``count`` lines below it, in order."""
        return self.lines[self.index + 1 : self.index + 1 + count]


@dataclass(frozen=True)
class Block:
    """Lines that are one message; ``judge`` is asked only when the walk comes to it."""

    numbers: frozenset[int]
    """Every line number that belongs to it; no other rule sees these lines."""
    at: int
    """The number of the line that the walk meets it at."""
    judge: Callable[[], Verdict | None]


def no_blocks(_lines: Sequence[LogLine], _phase: Phase, _project: Project) -> Sequence[Block]:
    """For an ecosystem whose messages are single lines."""
    return ()


@dataclass(frozen=True)
class Ecosystem:
    """What one language, package manager or operating system says when something is missing."""

    name: str
    of_line: Callable[[Place, Project], Verdict | None]
    blocks: Callable[[Sequence[LogLine], Phase, Project], Sequence[Block]] = no_blocks


def decisive(source: SourceText, project: Project, ecosystems: Sequence[Ecosystem]) -> Verdict | None:
    """The verdict on what ended the attempt: the last one that any stream of the text gives."""
    streams = read_log(source.text, source.first_line).streams().values()
    found = [v for lines in streams if (v := _last(lines, source.phase, project, ecosystems))]
    if source.phase is Phase.BUILD:
        found = [verdict for verdict in found if not _is_generic(verdict)] or found
    return max(found, key=lambda verdict: verdict.lines[0].number, default=None)


def _last(
    lines: list[LogLine], phase: Phase, project: Project, ecosystems: Sequence[Ecosystem]
) -> Verdict | None:
    """Read from the end, so that a long log costs no more than its tail."""
    weak: Verdict | None = None
    for verdict in _backwards(lines, phase, project, ecosystems):
        if phase is not Phase.BUILD or not _is_generic(verdict):
            return verdict
        weak = weak or verdict
    return weak


def _backwards(
    lines: list[LogLine], phase: Phase, project: Project, ecosystems: Sequence[Ecosystem]
) -> Iterator[Verdict]:
    blocks = [block for one in ecosystems for block in one.blocks(lines, phase, project)]
    at = {block.at: block for block in reversed(blocks)}
    covered = frozenset[int]().union(*(block.numbers for block in blocks))
    alike: Counter[str] = Counter()
    looked_at = 0
    for index in range(len(lines) - 1, -1, -1):
        line, verdict = lines[index], None
        if line.number in at:
            verdict = at[line.number].judge()
        elif line.number not in covered and not line.is_echo and _is_news(line.plain, alike):
            looked_at += 1
            place = Place(lines, index, phase)
            verdict = next((v for one in ecosystems if (v := one.of_line(place, project))), None)
        if verdict is not None:
            yield verdict
        if looked_at >= _MAX_ERROR_LINES:
            return


def _is_news(plain: str, alike: Counter[str]) -> bool:
    """Whether a line may tell of an error, and is not one more of many; counts it in ``alike``."""
    lower = plain.lower()
    if not any(word in lower for word in _ERROR_WORDS):
        return False
    shape = _NUMBER.sub("0", lower)
    alike[shape] += 1
    return alike[shape] <= _MAX_ALIKE


def _is_generic(verdict: Verdict) -> bool:
    return isinstance(verdict, Refusal) and verdict.generic
