"""Follows the plain progress output of BuildKit: where the build stands, and why it failed."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ahocorasick_rs import BytesAhoCorasick

from workflows.quantities import seconds, size

_PREFIX = re.compile(r"^#(?P<vertex>\d+) (?:(?P<seconds>\d+\.\d+) )?(?P<text>.*)$")
_NOT_PRINTED = re.compile(rb"\n(?!#\d+ \d+\.\d+ )")
"""Before a line that no build step printed: BuildKit's own."""
_CLIPPED = "[output clipped, log limit"
_CUT_OFF = "failed to receive status: "
"""BuildKit's command gives the rest of a log three seconds after the build itself is over."""
_FAILED = re.compile(r"^(?:failed to solve: |target \S+: failed to solve: )")
_TELLING = re.compile(
    r"\b(?:error|fatal|failed|cannot|could not|unable to|not found|no such)\b|^E: ", re.IGNORECASE
)
_NOISE = re.compile(
    r"^(?:-+|\[notice\].*|.*(?:already satisfied|note: This error|likely not a problem).*|\s*)$"
)
_WORTH_READING = BytesAhoCorasick(
    [
        b"error", b"fatal", b"failed", b"cannot", b"could not", b"unable to", b"not found", b"no such",
        b"e: ", b"output clipped",
    ]
)  # fmt: skip
"""What every line has that ``_TELLING`` or ``_CLIPPED`` finds; all others only say where the build stands."""
_MAX_QUOTED = 400
_MAX_LINE_BYTES = 64 * 1024


@dataclass
class BuildOutput:
    """Feed it masked output; it remembers little, however long the log is."""

    began: float = field(default_factory=time.monotonic)
    size_bytes: int = 0
    """Of the log so far."""
    step: str = "starting"
    """The build step that printed last, for instance ``[2/4] RUN pip install -r requirements.txt``."""
    clipped: bool = False
    """BuildKit cut the output of a step (COMPOSE fact 8), or did not hand over all of it in time."""
    cut_off: bool = False
    """The command ended before it had all of the log: how the build itself ended it does not know."""
    _names: dict[str, str] = field(default_factory=dict)
    _telling: dict[str, str] = field(default_factory=dict)
    _failed: str = ""
    _failed_vertex: str = ""
    _last: str = ""
    _partial: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take the next piece of output."""
        self.size_bytes += len(data)
        whole = self._partial + data
        end = whole.rfind(b"\n") + 1
        lines, self._partial = whole[:end], whole[end : end + _MAX_LINE_BYTES]
        read = 0
        for start in _worth_reading(lines):
            self._catch_up(lines[read:start])
            read = lines.index(b"\n", start) + 1
            self._line(_text(lines[start:read]))
        self._catch_up(lines[read:])

    def finish(self) -> None:
        """Take the last line, also where no line end follows."""
        self.feed(b"\n")

    @property
    def standing(self) -> str:
        """Where the build stands, for the heartbeat."""
        spent = time.monotonic() - self.began
        return f"build: {self.step}, after {seconds(spent)}, {size(self.size_bytes)} of log"

    @property
    def error(self) -> str:
        """The last line that says why the build failed: the tool's own words before BuildKit's."""
        told = self._telling.get(self._failed_vertex)
        return (told or self._failed or self._last or "no output")[:_MAX_QUOTED]

    def _catch_up(self, printed: bytes) -> None:
        """Of lines that tell nothing the last one counts that is more than noise."""
        end = len(printed) - 1
        while end >= 0:
            start = printed.rfind(b"\n", 0, end) + 1
            match = _PREFIX.match(_text(printed[start:end]))
            if match is not None and not _NOISE.match(match["text"]):
                self._last = match["text"].strip()
                self.step = self._names.get(match["vertex"], self.step)
                return
            end = start - 1

    def _line(self, line: str) -> None:
        self.cut_off = self.cut_off or line.startswith(_CUT_OFF)
        self.clipped = self.clipped or self.cut_off or _CLIPPED in line
        if _FAILED.match(line):
            self._failed = self._failed or line
            return
        match = _PREFIX.match(line)
        if match is None:
            self._last = line.strip() or self._last
            return
        vertex, text = match["vertex"], match["text"]
        if match["seconds"] is None:
            self._vertex_line(vertex, text)
        elif not _NOISE.match(text):
            self._last = text.strip()
            if _TELLING.search(text):
                self._telling[vertex] = text.strip()
            self.step = self._names.get(vertex, self.step)

    def _vertex_line(self, vertex: str, text: str) -> None:
        if text.startswith("["):
            self._names[vertex] = self.step = text.strip()
        elif text.startswith("ERROR: "):
            self._failed, self._failed_vertex = text.removeprefix("ERROR: "), vertex


def _worth_reading(lines: bytes) -> Iterator[int]:
    """Where the lines begin that are read one by one, in order."""
    own = (match.end() - 1 for match in _NOT_PRINTED.finditer(b"\n" + lines))
    telling = _WORTH_READING.find_matches_as_indexes(lines.lower())
    starts = {lines.rfind(b"\n", 0, at) + 1 for _, at, _ in telling}
    yield from sorted(starts.union(start for start in own if start < len(lines)))


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r\n")
