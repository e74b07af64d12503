"""Output on its way into an artifact: masked first, then visible at once (SPEC FR-005, I5)."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from activities.adapters.artifact_store import ArtifactWriter
from activities.adapters.process import uninterrupted
from activities.adapters.redaction import Redactor
from workflows.models.artifact import RunArtifact


@dataclass
class EvidenceLog:
    """Takes raw output, from any one thread at a time, and keeps no secret of it."""

    writer: ArtifactWriter
    redactor: Redactor
    listener: Callable[[bytes], None] = lambda _masked: None
    """Sees the masked output too."""
    artifact: RunArtifact | None = None
    """Set once closed."""
    _closed: bool = False
    """A thread may still bring output: the file's descriptor can be another file's by then."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._stream = self.redactor.stream()

    def write(self, data: bytes) -> None:
        """Mask and append a piece of output."""
        with self._lock:
            self._put(self._stream.feed(data))

    def say(self, line: str) -> None:
        """Append a line of our own, after whatever output is still held back."""
        with self._lock:
            self._put(self._stream.finish())
            self._put(self.redactor.text(line).encode("utf-8", "surrogateescape") + b"\n")

    async def close(self) -> RunArtifact:
        """Make it durable; a second time changes nothing."""
        if self.artifact is None:
            with self._lock:
                self._put(self._stream.finish())
                self._closed = True
            self.artifact = await self.writer.close()
        return self.artifact

    def _put(self, masked: bytes) -> None:
        if masked and not self._closed:
            self.writer.write(masked)
            self.listener(masked)


@asynccontextmanager
async def closing(log: EvidenceLog) -> AsyncIterator[EvidenceLog]:
    """Close the log whatever happens, also under cancellation: evidence survives (I6)."""
    try:
        yield log
    finally:
        await uninterrupted(log.close())
