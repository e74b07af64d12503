"""Follows the plain progress output of BuildKit: where the build stands, and why it failed."""

import re
import time
from dataclasses import dataclass, field

from workflows.telling import seconds, size

_PREFIX = re.compile(r"^#(?P<vertex>\d+) (?:(?P<seconds>\d+\.\d+) )?(?P<text>.*)$")
_CLIPPED = "[output clipped, log limit"
_FAILED = re.compile(r"^(?:failed to solve: |target \S+: failed to solve: )")
_TELLING = re.compile(
    r"\b(?:error|fatal|failed|cannot|could not|unable to|not found|no such)\b|^E: ", re.IGNORECASE
)
_NOISE = re.compile(
    r"^(?:-+|\[notice\].*|.*(?:already satisfied|note: This error|likely not a problem).*|\s*)$"
)
_MAX_QUOTED = 400


@dataclass
class BuildOutput:
    """Feed it masked output; it remembers little, however long the log is."""

    began: float = field(default_factory=time.monotonic)
    size_bytes: int = 0
    """Of the log so far."""
    step: str = "starting"
    """The build step that printed last, for instance ``[2/4] RUN pip install -r requirements.txt``."""
    clipped: bool = False
    """BuildKit cut the output of a step (COMPOSE fact 8)."""
    _names: dict[str, str] = field(default_factory=dict)
    _telling: dict[str, str] = field(default_factory=dict)
    _failed: str = ""
    _failed_vertex: str = ""
    _last: str = ""
    _partial: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take the next piece of output."""
        self.size_bytes += len(data)
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._line(line.decode("utf-8", errors="replace").rstrip("\r"))

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

    def _line(self, line: str) -> None:
        self.clipped = self.clipped or _CLIPPED in line
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
