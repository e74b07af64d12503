"""Log texts cut into lines whose prefixes are off but whose numbers and words stay quotable."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from workflows.models.finding import Quote

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_COMPOSE = re.compile(r"^(?P<name>(?=[\w.-]*[A-Za-z_])[\w.-]+)\s*\| ?")
_DOCKER_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ")
_VERTEX = re.compile(r"^#(?P<vertex>\d+) (?:\d+\.\d+ ?)?")
_SUMMARY = re.compile(r"^\d+\.\d{2,4} ?")
_STEP = re.compile(r"^\[(?:(?P<stage>[\w.-]+) +)?\d+/\d+\] ")
_STEP_FAILED = re.compile(r"^ERROR: (?:process|failed to)|^ERROR: executor failed")
_SUMMARY_STEP = re.compile(r"^ > \[(?:(?P<stage>[\w.-]+) +)?\d+/\d+\] .*:$")
_ECHO = re.compile(
    r"^Step \d+/\d+ : |^The command '.*' returned a non-zero code|^ > \[|^\[(?:[\w.-]+ +)?\d+/\d+\] "
    r"|^\s*\d+ \| (?:>>>)?|^ERROR: (?:process|executor)|^(?:ERROR: )?failed to solve|^\++ "
)


@dataclass(frozen=True)
class LogLine:
    """One line: `number` and `text` as in the source, `plain` without prefixes."""

    number: int
    """From 1."""
    text: str
    plain: str
    stream: str = ""
    """BuildKit step or Compose container the line came from."""

    @property
    def is_echo(self) -> bool:
        """True where the line only repeats a command; what the command contains is no evidence."""
        return bool(_ECHO.match(self.plain)) and "executable file not found" not in self.plain

    def quote(self, source: str) -> Quote:
        """The line as evidence."""
        return Quote(source=source, line=self.number, text=self.text)


@dataclass(frozen=True)
class Log:
    """All lines of one source text."""

    lines: tuple[LogLine, ...]
    failed: frozenset[str] = frozenset()
    """Streams (BuildKit steps) that are said to have failed."""
    stages: tuple[tuple[str, str], ...] = ()
    """(stream, Dockerfile stage) where the build log names the stage."""

    def streams(self) -> dict[str, list[LogLine]]:
        """Lines by stream, in order; only the failed streams where any is known to have failed."""
        found: dict[str, list[LogLine]] = {}
        for line in self.lines:
            if not self.failed or line.stream in self.failed:
                found.setdefault(line.stream, []).append(line)
        return found

    def stage_of(self, stream: str) -> str:
        """The Dockerfile stage a build stream belongs to, '' where the log does not say."""
        return dict(self.stages).get(stream, "")


def read_log(text: str) -> Log:
    """The lines of `text`, numbered from 1; a line ends at a newline only, as editors count them."""
    lines = [_read(number, raw) for number, raw in enumerate(text.split("\n"), 1)]
    lines = _name_summaries(lines)
    failed = {line.stream for line in lines if line.stream and _STEP_FAILED.match(line.plain)}
    stages: dict[str, str] = {}
    for line in lines:
        step = _STEP.match(line.plain) or _SUMMARY_STEP.match(line.plain)
        if step and step["stage"]:
            stages.setdefault(line.stream, step["stage"])
    summaries = {line.stream for line in lines if line.stream.startswith("summary")}
    return Log(tuple(lines), frozenset(failed | summaries if failed else ()), tuple(stages.items()))


def _read(number: int, raw: str) -> LogLine:
    raw = raw.rstrip("\r")
    plain = _ANSI.sub("", raw).rsplit("\r", 1)[-1]
    stream = ""
    compose = _COMPOSE.match(plain)
    if compose:
        stream, plain = compose["name"], plain[compose.end() :]
    plain = _DOCKER_TIME.sub("", plain)
    vertex = _VERTEX.match(plain)
    if vertex:
        stream, plain = f"#{vertex['vertex']}", plain[vertex.end() :]
    return LogLine(number, raw, plain, stream)


def _name_summaries(lines: list[LogLine]) -> list[LogLine]:
    """BuildKit repeats the tail of a failed step between dashes, with times but without step numbers."""
    named, stream = [], ""
    for line in lines:
        if _SUMMARY_STEP.match(line.plain):
            stream = f"summary:{line.number}"
        elif line.plain.startswith("------"):
            stream = ""
        if stream and not line.stream:
            named.append(replace(line, plain=_SUMMARY.sub("", line.plain), stream=stream))
        else:
            named.append(line)
    return named
