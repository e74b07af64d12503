"""Output on its way into an artifact: masked first, then visible at once (SPEC FR-005, I5)."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from activities.adapters.artifact_store import ArtifactStore, ArtifactWriter
from activities.adapters.process import uninterrupted
from activities.adapters.redaction import Redactor
from workflows.errors import OrchestratorError
from workflows.models.artifact import RunArtifact

AGAIN = b"==> the attempt above was interrupted; the step begins again <==\n"


def _unheard(_masked: bytes) -> None:
    """Nobody listens."""


async def continued_log(
    artifacts: ArtifactStore,
    run_id: str,
    name: str,
    redactor: Redactor,
    listener: Callable[[bytes], None] = _unheard,
) -> "EvidenceLog":
    """A log that goes on after what an earlier attempt of the step wrote: no evidence is overwritten (I6)."""
    told = b""
    if (earlier := await artifacts.existing(run_id, name)) is not None:
        with suppress(OrchestratorError):  # damaged: nothing to go on from
            told = await artifacts.read(earlier)
    writer = artifacts.open(run_id, name)
    if told:
        writer.write(told if told.endswith(b"\n") else told + b"\n")
        writer.write(AGAIN)
    return EvidenceLog(writer, redactor, listener)


@dataclass
class EvidenceLog:
    """Takes raw output, from any one thread at a time, and keeps no secret of it."""

    writer: ArtifactWriter
    redactor: Redactor
    listener: Callable[[bytes], None] = _unheard
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
