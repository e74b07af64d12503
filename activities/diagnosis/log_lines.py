"""Log texts cut into lines whose prefixes are off but whose numbers and words stay quotable."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from workflows.models.finding import Quote

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_COMPOSE = re.compile(r"^(?P<name>(?=[\w.-]*[A-Za-z_])[\w.-]+)\s*\| ?")
SHIPPED = re.compile(
    r"^(?:"
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)"  # docker logs -t, shippers
    r"(?: (?:stdout|stderr) [FP]| [\w.-]+\[[\w.-]+\]:| [\w.-]+ [\w./-]+\[\d+\]:)?"
    r"|\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z\]|\d\d:\d\d:\d\d"  # build servers
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ [\w./-]+\[\d+\]:"  # syslog, journal
    r") "
)
"""What a log driver or a build server puts before every line; what an application writes itself stays."""
_JSON_FILE = '{"log":"'
"""How a line begins in the file that Docker keeps of a container's output."""
_VERTEX = re.compile(r"^#(?P<vertex>\d+) (?:\d+\.\d+ ?)?")
_SUMMARY = re.compile(r"^\d+\.\d{2,4} ?")
_STEP_FAILED = re.compile(r"^#\d+ ERROR: ")
_SUMMARY_STEP = re.compile(r"^ > \[(?:[\w.-]+ +)*\d+/\d+\] .*:$")
_ECHO = re.compile(
    r"^Step \d+/\d+ : |^The command '.*' returned a non-zero code|^ > \[|^\[(?:[\w.-]+ +)*\d+/\d+\] "
    r"|^\s*\d+ \| (?:>>>)?|^(?:ERROR: |failed to solve: )+(?:process|executor)|^\++ "
)
MAX_LINES = 20_000
"""Of a longer text only the end is read; it holds what ended the run."""
MAX_LINE_CHARS = 2_000
"""Of a longer line only the beginning is matched."""
MAX_QUOTE_CHARS = 1_000


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
        """The line as evidence; of a very long one the beginning, since findings travel in histories."""
        return Quote(source=source, line=self.number, text=self.text[:MAX_QUOTE_CHARS])


@dataclass(frozen=True)
class Log:
    """All lines of one source text."""

    lines: tuple[LogLine, ...]
    failed: frozenset[str] = frozenset()
    """Streams (BuildKit steps) that are said to have failed."""

    def streams(self) -> dict[str, list[LogLine]]:
        """Lines by stream, in order; only the failed streams where any is known to have failed."""
        found: dict[str, list[LogLine]] = {}
        for line in self.lines:
            if not self.failed or line.stream in self.failed:
                found.setdefault(line.stream, []).append(line)
        return found


def read_log(text: str, first_line: int = 1) -> Log:
    """The lines of `text`, numbered from `first_line`; only a newline ends one, as editors count them."""
    start = _start_of_end(text)
    first = first_line + text.count("\n", 0, start)
    numbered = enumerate(text[start:].split("\n"), first)
    lines = _name_summaries(_undo_zeros([_read(number, raw) for number, raw in numbered]))
    steps = (line for line in lines if line.stream.startswith("#"))
    failed = {line.stream for line in steps if _STEP_FAILED.match(_bare(line.text))}
    summaries = {line.stream for line in lines if line.stream.startswith("summary")}
    return Log(tuple(lines), frozenset(failed | summaries if failed else ()))


def _start_of_end(text: str) -> int:
    """Where the last MAX_LINES lines begin; what comes before is never copied."""
    start = len(text)
    for _ in range(MAX_LINES):
        start = text.rfind("\n", 0, start)
        if start < 0:
            return 0
    return start + 1


def _read(number: int, raw: str) -> LogLine:
    raw = raw.rstrip("\r")
    said = _unpacked(raw) if raw.startswith(_JSON_FILE) else raw
    plain = _ANSI.sub("", said[:MAX_LINE_CHARS]).rsplit("\r", 1)[-1]
    stream = ""
    plain = SHIPPED.sub("", plain)
    compose = _COMPOSE.match(plain)
    if compose:
        stream, plain = compose["name"], plain[compose.end() :]
        plain = SHIPPED.sub("", plain)
    vertex = _VERTEX.match(plain)
    if vertex:
        stream, plain = f"#{vertex['vertex']}", plain[vertex.end() :]
    return LogLine(number, raw, plain, stream)


def _undo_zeros(lines: list[LogLine]) -> list[LogLine]:
    """BuildKit 0.10 printed what a step says as `#0 1.23 ...`; it belongs to the step named last."""
    if not any(line.stream == "#0" for line in lines) or any(line.text.startswith("#0 [") for line in lines):
        return lines
    step, named = "#0", []
    for line in lines:
        if line.stream.startswith("#") and line.stream != "#0":
            step = line.stream
        named.append(replace(line, stream=step) if line.stream == "#0" else line)
    return named


def _bare(raw: str) -> str:
    return SHIPPED.sub("", _ANSI.sub("", raw[:MAX_LINE_CHARS]))


def _unpacked(raw: str) -> str:
    """The line inside a line of Docker's own log file."""
    try:
        said = json.loads(raw[: 8 * MAX_LINE_CHARS])["log"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return raw
    return said.rstrip("\r\n") if isinstance(said, str) else raw


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
